// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// deadlock_in_time: a deadlock is reported within 100 ms of the begin of the last wait. Times for which
// threads of the process are ready to run, but have no CPU, do not count. Nor do times for which the whole
// machine stands still, as a virtual one may.

// stdout: two fibers: in time
// stdout: a thousand fibers: in time
// stdout: after I/O: in time
// stdout: in a runtime, beside signals: in time
// stdout: OS threads: in time
// stdout: a thread that has run for long: in time
// stdout: a thread that has run for long, and ends: in time

#include <fiber/fiber.hpp>
#include <fiber/io.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <new>
#include <string>
#include <string_view>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

namespace {

// How long a thread has waited for a CPU.
nanoseconds cpu_wait(std::filesystem::path const& thread) {
    nanoseconds::rep on_cpu = 0, waited = 0;
    std::ifstream(thread / "schedstat") >> on_cpu >> waited;
    return nanoseconds(waited);
}
nanoseconds cpu_waits_of_all(pid_t process) {
    nanoseconds sum{};
    for (auto const& thread :
         std::filesystem::directory_iterator("/proc/" + std::to_string(process) + "/task"))
        sum += cpu_wait(thread.path());
    return sum;
}

struct moment {
    std::chrono::milliseconds at{};
    nanoseconds waited{}; // for a CPU
};

// In memory that parent and children share.
constexpr std::size_t max_children = 8;
struct shared {
    std::atomic<std::int64_t> ticks{0}; // of 1 ms at least
    std::array<moment, max_children> last_waits;
    std::atomic<pid_t> ending_thread{0}; // in the child that waits for the end of a thread
};
shared* both = nullptr;
std::size_t children = 0; // made; in a child, its number

moment now_in(pid_t process) {
    return {std::chrono::milliseconds(both->ticks.load()), cpu_waits_of_all(process)};
}

[[noreturn]] void tick() {
    for (;; both->ticks.notify_all()) {
        std::this_thread::sleep_for(1ms);
        ++both->ticks;
    }
}

// The agent that calls it is the last one to wait: all others wait already.
void wait_for_ever() {
    both->last_waits[children] = now_in(::getpid());
    static_cast<void>(fiber::chan<int>().recv());
}

void wait_until_parked(std::size_t n) {
    while (fiber::runtime::global().stats().fibers_parked < n)
        fiber::this_fiber::yield();
}

// ── the deadlocks ──

void two_fibers() {
    fiber::chan<int> c;
    auto other = fiber::go([c]() mutable { static_cast<void>(c.recv()); });
    fiber::run([] {
        wait_until_parked(1);
        wait_for_ever();
    });
}

void a_thousand_fibers() {
    fiber::chan<int> c;
    for (int i = 0; i < 1000; ++i)
        fiber::go([c]() mutable { static_cast<void>(c.recv()); });
    fiber::run([] {
        wait_until_parked(1000);
        wait_for_ever();
    });
}

void after_io() {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) != 0)
        std::abort();
    fiber::run([&] {
        auto reader = fiber::go([in = ends[0]] {
            char read = 0;
            static_cast<void>(!fiber::io::read(in, &read, 1));
        });
        wait_until_parked(1);
        static_cast<void>(!fiber::io::write(ends[1], "x", 1));
        reader.join();
        wait_for_ever();
    });
}

void in_a_runtime_beside_signals() {
    static std::atomic<int> signals{0};
    std::signal(SIGUSR1, [](int) { ++signals; });
    fiber::runtime own({.processors = 2});
    std::thread([] { fiber::run([] {}); }).join();
    own.run([] {
        std::raise(SIGUSR1);
        wait_for_ever();
    });
}

void os_threads() {
    auto fiber = fiber::go([] { static_cast<void>(fiber::chan<int>().recv()); });
    std::thread waits([] { static_cast<void>(fiber::chan<int>().recv()); });
    wait_until_parked(1);
    wait_for_ever();
}

// For some seconds, only one thread keeps these from being deadlocks.
constexpr auto long_time = 11500ms;

void a_thread_that_has_run_for_long() {
    auto fiber = fiber::go([] { static_cast<void>(fiber::chan<int>().recv()); });
    std::this_thread::sleep_for(long_time);
    wait_for_ever();
}

void a_thread_that_ends() {
    auto fiber = fiber::go([] { static_cast<void>(fiber::chan<int>().recv()); });
    std::thread ends([] {
        fiber::run([] {}); // it has waited in the library before
        std::this_thread::sleep_for(long_time);
        both->ending_thread = ::gettid();
    });
    static_cast<void>(fiber::chan<int>().recv());
}

// ── the children ──

class child {
public:
    child(char const* name, void (*deadlock)())
        : name_(name), number_(children), waits_for_end_(deadlock == a_thread_that_ends) {
        std::array<int, 2> ends{};
        if (::pipe2(ends.data(), O_CLOEXEC) != 0)
            std::abort();
        process_ = ::fork();
        if (process_ == 0) {
            ::alarm(60);
            ::setenv("FIBER_DEADLOCK", "warn", 1); // stays, until the parent has looked at it
            ::dup2(ends[1], STDERR_FILENO);
            deadlock();
            ::_exit(0);
        }
        ++children;
        ::close(ends[1]);
        reports_ = ends[0];
        reader_ = std::thread([this] { read(); });
    }
    child(child const&) = delete;
    child& operator=(child const&) = delete;
    ~child() = default;

    // Waits for the report. Prints whether it has come in time.
    void check() {
        reader_.join();
        ::kill(process_, SIGKILL);
        ::waitpid(process_, nullptr, 0);
        ::close(reports_);
        if (line_ != "fiber: all fibers are asleep - deadlock!")
            std::printf("another line on stderr: %s\n", line_.c_str());
        moment const waits = both->last_waits[number_];
        auto const took = reported_.at - waits.at;
        auto const waited = reported_.waited - waits.waited;
        auto const ms = [](nanoseconds t) { return static_cast<double>(t.count()) / 1e6; };
        if (took - waited < 100ms)
            std::printf("%s: in time\n", name_);
        else
            std::printf("%s: %.1f ms, of which threads waited %.1f ms for a CPU\n", name_, ms(took),
                        ms(waited));
    }

private:
    // In a thread, which has little else to wait for than this report.
    void read() {
        if (waits_for_end_) {
            wait_for_end_of_thread();
            both->last_waits[number_] = now_here();
        }
        for (char c = 0; ::read(reports_, &c, 1) == 1 && c != '\n';)
            line_ += c;
        reported_ = now_here();
    }
    moment now_here() const {
        moment now = now_in(process_);
        now.waited += cpu_wait("/proc/thread-self");
        return now;
    }
    // The kernel counts the waits of threads that exist. Therefore this begins after the thread's end.
    void wait_for_end_of_thread() const {
        std::string const threads = "/proc/" + std::to_string(process_) + "/task/";
        for (auto now = both->ticks.load();
             both->ending_thread == 0 ||
             std::filesystem::exists(threads + std::to_string(both->ending_thread));
             now = both->ticks)
            both->ticks.wait(now);
    }

    char const* const name_;
    std::size_t const number_;
    bool const waits_for_end_; // of a thread
    pid_t process_ = 0;
    int reports_ = -1;
    std::string line_;
    moment reported_;
    std::thread reader_;
};

} // namespace

int main() {
    both = ::new (::mmap(nullptr, sizeof(shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))
        shared;
    std::thread(tick).detach();
    std::setvbuf(stdout, nullptr, _IONBF, 0); // the children have nothing to print again
    child waits("a thread that has run for long", a_thread_that_has_run_for_long);
    child ends("a thread that has run for long, and ends", a_thread_that_ends);
    child("two fibers", two_fibers).check();
    child("a thousand fibers", a_thousand_fibers).check();
    child("after I/O", after_io).check();
    child("in a runtime, beside signals", in_a_runtime_beside_signals).check();
    child("OS threads", os_threads).check();
    waits.check();
    ends.check();
}
