// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// snapshot.cpp: looks at all fibers in one moment.
//
// The scheduler is frozen for the time of a fork. The child has a copy of all records and stacks, and looks
// at them while the parent's fibers run on. It writes what it sees into memory that both share. The child
// takes no lock and allocates nothing, because a thread of the parent may have held any lock.
// It is made by a direct system call: no handler of pthread_atfork runs. It has no exit signal, so the
// program gets no SIGCHLD, and waitpid(-1) does not find it.

#include "runtime/inspect/survey.hpp"

#include "runtime/sched/fiber_pool.hpp"
#include "runtime/sched/freeze.hpp"
#include "runtime/sched/scheduler.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <functional>
#include <new>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace fiber::rt {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t most_fibers = 100'000; // a fork with more stacks takes too long
constexpr auto max_wait = 500us;             // for machines that are inside the runtime
constexpr int max_tries = 200;
constexpr auto max_age_of_child = 30s;

// The memory that the child writes. Pages that are not written take no memory.
class shared_memory {
public:
    explicit shared_memory(std::size_t fibers, std::size_t frames)
        : fibers_(fibers), frames_(frames),
          size_(sizeof(header) + fibers * sizeof(look) + frames * sizeof(void*)),
          at_(::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1,
                     0)) {}
    ~shared_memory() {
        if (valid())
            ::munmap(at_, size_);
    }
    shared_memory(shared_memory const&) = delete;
    shared_memory& operator=(shared_memory const&) = delete;

    struct header {
        std::size_t fibers = 0, frames = 0;
        bool complete = false;
    };
    [[nodiscard]] bool valid() const noexcept { return at_ != MAP_FAILED; }
    [[nodiscard]] header& head() const noexcept { return *static_cast<header*>(at_); }
    [[nodiscard]] look* fibers() const noexcept { return reinterpret_cast<look*>(&head() + 1); }
    [[nodiscard]] void** frames() const noexcept { return reinterpret_cast<void**>(fibers() + fibers_); }
    [[nodiscard]] std::size_t room_for_fibers() const noexcept { return fibers_; }
    [[nodiscard]] std::size_t room_for_frames() const noexcept { return frames_; }

private:
    std::size_t const fibers_, frames_, size_;
    void* const at_;
};

void look_at_all(scheduler const& of, std::size_t most, shared_memory const& to) noexcept {
    channel_memory channels(static_cast<int>(::syscall(SYS_getpid))); // of the child
    arch::backtrace all{to.frames(), to.room_for_frames()};
    std::size_t n = 0;
    bool fits = true;
    for_each_fiber([&](fiber const& g) {
        look l = look_at(g, of, during::standstill, channels);
        if (l.id == 0)
            return;
        fits &= n < to.room_for_fibers();
        if (!fits)
            return;
        if (n < most)
            add_frames(l, all);
        ::new (to.fibers() + n++) look(l);
    });
    to.head() = {n, all.count, fits};
}

pid_t fork_quietly() noexcept {
    return static_cast<pid_t>(::syscall(SYS_clone, 0, nullptr, nullptr, nullptr, nullptr));
}

// Returns true if the child has ended by itself.
bool wait_for(pid_t child) noexcept {
    auto const until = clock::now() + max_age_of_child;
    for (int status = 0;;) {
        pid_t const ended =
            ::waitpid(child, &status, static_cast<int>(__WCLONE) | (clock::now() < until ? WNOHANG : 0));
        if (ended == child)
            return WIFEXITED(status) && WEXITSTATUS(status) == 0;
        if (ended < 0 && errno != EINTR)
            return false;
        if (clock::now() >= until)
            ::kill(child, SIGKILL);
        std::this_thread::sleep_for(200us);
    }
}

// Returns false if the scheduler cannot be frozen, or the system refuses the fork.
bool fill(shared_memory const& to, scheduler& of, std::size_t most) noexcept {
    for (int tries = 0; tries < max_tries; ++tries) {
        freeze standstill(of);
        if (!standstill.begin(max_wait)) {
            std::this_thread::sleep_for(100us);
            continue;
        }
        pid_t const child = fork_quietly();
        if (child == 0) {
            look_at_all(of, most, to);
            ::syscall(SYS_exit_group, 0);
        }
        standstill.end();
        return child > 0 && wait_for(child) && to.head().complete;
    }
    return false;
}

} // namespace

survey take_snapshot(scheduler& of, dump_options const& options) {
    std::size_t const live = of.live_fibers();
    if (of.is_from_parent() || live > most_fibers)
        return take_survey(of, options);
    std::size_t const most = options.backtraces ? std::min(options.most, most_fibers) : 0;
    std::size_t const room = 2 * live + 10'000; // others may be started until the fork
    shared_memory const shared(room, std::min(room, most) * max_frames);
    arch::backtrace warm{nullptr, 0};
    arch::walk_self(0, warm); // the unwinder's first use may take a lock
    if (!shared.valid() || !fill(shared, of, most))
        return take_survey(of, options);
    auto const& head = shared.head();
    survey made;
    made.fibers.assign(shared.fibers(), shared.fibers() + head.fibers);
    made.frames.assign(shared.frames(), shared.frames() + head.frames);
    made.at = clock::now();
    return made;
}

} // namespace fiber::rt
