// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "perf/harness/process.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <sstream>
#include <system_error>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace perf {
namespace {

void check(int error, char const* what) {
    if (error != 0)
        throw std::system_error(error, std::generic_category(), what);
}

pid_t start(std::string const& program, std::vector<std::string> const& arguments, int output) {
    std::vector<char*> argv{const_cast<char*>(program.c_str())};
    for (auto const& a : arguments)
        argv.push_back(const_cast<char*>(a.c_str()));
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    check(posix_spawn_file_actions_init(&actions), "posix_spawn_file_actions_init");
    check(posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO),
          "posix_spawn_file_actions_adddup2");
    pid_t child = 0;
    int const error = posix_spawn(&child, program.c_str(), &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    check(error, ("cannot start " + program).c_str());
    return child;
}

// Reads until the other end is closed. Returns false if the deadline comes first.
bool read_all(int fd, std::string& text, std::chrono::steady_clock::time_point deadline) {
    for (std::array<char, 4096> block;;) {
        auto const left =
            std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
        if (left.count() <= 0)
            return false;
        pollfd readable{.fd = fd, .events = POLLIN, .revents = 0};
        if (poll(&readable, 1, static_cast<int>(left.count())) <= 0)
            continue;
        auto const n = read(fd, block.data(), block.size());
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return true;
        text.append(block.data(), static_cast<std::size_t>(n));
    }
}

std::string how_it_ended(int status) {
    if (WIFSIGNALED(status))
        return "signal " + std::to_string(WTERMSIG(status)) + " (" + strsignal(WTERMSIG(status)) + ")";
    return WEXITSTATUS(status) == 0 ? "" : "status " + std::to_string(WEXITSTATUS(status));
}

} // namespace

std::string beside_this(std::string const& program) {
    return (std::filesystem::read_symlink(this_program).parent_path() / program).native();
}

bool is_in_path(std::string const& program) {
    auto const* const path = std::getenv("PATH");
    std::istringstream directories(path == nullptr ? "" : path);
    for (std::string directory; std::getline(directories, directory, ':');)
        if (access((directory + "/" + program).c_str(), X_OK) == 0)
            return true;
    return false;
}

child_result run_program(std::string const& program, std::vector<std::string> const& arguments,
                         std::chrono::seconds limit) {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0)
        check(errno, "pipe2");
    auto const child = start(program, arguments, ends[1]);
    close(ends[1]);
    child_result result;
    bool const in_time = read_all(ends[0], result.output, std::chrono::steady_clock::now() + limit);
    close(ends[0]);
    if (!in_time)
        kill(child, SIGKILL);
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    result.complaint =
        in_time ? how_it_ended(status) : "hung: no result in " + std::to_string(limit.count()) + " s";
    return result;
}

std::string first_line_of(std::string const& program, std::vector<std::string> const& arguments) {
    if (!std::filesystem::exists(program))
        return "";
    auto const output = run_program(program, arguments, std::chrono::seconds(10)).output;
    return output.substr(0, output.find('\n'));
}

void die_with_parent() { prctl(PR_SET_PDEATHSIG, SIGKILL); }

} // namespace perf
