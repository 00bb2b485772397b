// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "perf/net/child.hpp"

#include "perf/harness/format.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <stdexcept>
#include <system_error>

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace perf::net {
namespace {

void check(int error, std::string const& what) {
    if (error != 0)
        throw std::system_error(error, std::generic_category(), what);
}

cpu_set_t own_cpus() {
    cpu_set_t set;
    CPU_ZERO(&set);
    check(sched_getaffinity(0, sizeof set, &set) == 0 ? 0 : errno, "sched_getaffinity");
    return set;
}

// This thread is bound to one CPU while this exists. A process that it starts stays bound.
class bound_to {
public:
    explicit bound_to(int cpu) : before_(own_cpus()) {
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(static_cast<std::size_t>(cpu), &one);
        check(sched_setaffinity(0, sizeof one, &one) == 0 ? 0 : errno, "sched_setaffinity");
    }
    ~bound_to() { sched_setaffinity(0, sizeof before_, &before_); }
    bound_to(bound_to const&) = delete;
    bound_to& operator=(bound_to const&) = delete;

private:
    cpu_set_t before_;
};

struct ends {
    int read = -1, write = -1;
};

ends make_pipe() {
    std::array<int, 2> both{};
    check(pipe2(both.data(), O_CLOEXEC) == 0 ? 0 : errno, "pipe2");
    return {both[0], both[1]};
}

} // namespace

std::vector<int> allowed_cpus() {
    auto const set = own_cpus();
    std::vector<int> all;
    for (std::size_t i = 0; i < CPU_SETSIZE; ++i)
        if (CPU_ISSET(i, &set))
            all.push_back(static_cast<int>(i));
    return all;
}

child::child(int cpu, std::string const& program, std::vector<std::string> const& arguments)
    : name_(program.substr(program.rfind('/') + 1)) {
    std::vector<char*> argv{const_cast<char*>(program.c_str())};
    for (auto const& a : arguments)
        argv.push_back(const_cast<char*>(a.c_str()));
    argv.push_back(nullptr);
    auto const in = make_pipe(), out = make_pipe();
    posix_spawn_file_actions_t actions;
    check(posix_spawn_file_actions_init(&actions), "posix_spawn_file_actions_init");
    posix_spawn_file_actions_adddup2(&actions, in.read, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out.write, STDOUT_FILENO);
    bound_to const there(cpu);
    int const error = posix_spawnp(&id_, program.c_str(), &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    close(in.read);
    close(out.write);
    to_ = in.write;
    from_ = out.read;
    check(error, "cannot start " + program);
}

child::~child() {
    close(to_);
    close(from_);
    if (id_ < 0)
        return;
    kill(id_, SIGKILL);
    while (waitpid(id_, nullptr, 0) < 0 && errno == EINTR) {
    }
}

void child::fails(std::string const& how) const {
    throw std::runtime_error(joined(name_, " ", how, unread_.empty() ? "" : ": ", unread_));
}

// Returns false at the end.
bool child::read_some(std::chrono::steady_clock::time_point deadline) {
    auto const left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd readable{.fd = from_, .events = POLLIN, .revents = 0};
    if (left.count() <= 0 || poll(&readable, 1, static_cast<int>(left.count())) == 0)
        fails("hung");
    std::array<char, 4096> block;
    auto const n = read(from_, block.data(), block.size());
    if (n < 0 && errno == EINTR)
        return true;
    if (n > 0)
        unread_.append(block.data(), static_cast<std::size_t>(n));
    return n > 0;
}

std::string child::line(std::chrono::seconds limit) {
    auto const deadline = std::chrono::steady_clock::now() + limit;
    for (;;) {
        if (auto const end = unread_.find('\n'); end != unread_.npos) {
            auto const text = unread_.substr(0, end);
            unread_.erase(0, end + 1);
            return text;
        }
        if (!read_some(deadline))
            fails("ended");
    }
}

void child::say(std::string const& line) {
    auto const text = line + "\n";
    if (write(to_, text.data(), text.size()) != static_cast<ssize_t>(text.size()))
        fails("does not listen");
}

std::string child::end(std::chrono::seconds limit, int by_signal) {
    auto const deadline = std::chrono::steady_clock::now() + limit;
    while (read_some(deadline)) {
    }
    int status = 0;
    while (waitpid(id_, &status, 0) < 0 && errno == EINTR) {
    }
    id_ = -1;
    if (WIFSIGNALED(status) && WTERMSIG(status) != by_signal)
        fails(joined("ended by signal ", WTERMSIG(status)));
    if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
        fails(joined("ended with status ", WEXITSTATUS(status)));
    return unread_;
}

void child::interrupt() const { kill(id_, SIGINT); }

} // namespace perf::net
