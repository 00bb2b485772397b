// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// descriptor_table WAY: the kernel's table of descriptors is enlarged before it is full, and no descriptor is
// made for that. WAY says when the first runtime is made: by the only thread, beside another one, or in the
// child of a fork. A separate program, because the table never gets smaller.

// stdout: after a wait for a low number: large
// stdout: after a wait for a high number: larger
// stdout: descriptors: as before

#include "tests/support/last_error.hpp"

#include <fiber/io.hpp>
#include <fiber/runtime.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <thread>

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;

rlim_t raised_limit() {
    rlimit limit{};
    tests::must(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = limit.rlim_max;
    tests::must(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
    return limit.rlim_cur;
}

rlim_t table_size() {
    std::ifstream status("/proc/self/status");
    for (std::string word; status >> word;)
        if (rlim_t size = 0; word == "FDSize:" && status >> size)
            return size;
    return 0;
}

std::ptrdiff_t open_descriptors() {
    namespace fs = std::filesystem;
    return std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator());
}

// A thread enlarges the table.
void expect_size(rlim_t least, char const* when, char const* how) {
    auto const give_up = std::chrono::steady_clock::now() + 30s;
    while (table_size() < least && std::chrono::steady_clock::now() < give_up)
        std::this_thread::yield();
    std::printf("after a wait for a %s number: ", when);
    if (table_size() >= least)
        std::puts(how);
    else
        std::printf("%lu entries\n", static_cast<unsigned long>(table_size()));
}

// Waits in a fiber, with the number `least` or the next free one.
void wait_for_number(int least) {
    int const readable = ::eventfd(1, EFD_CLOEXEC), at = ::fcntl(readable, F_DUPFD_CLOEXEC, least);
    tests::must(at >= least);
    fiber::run([&] { static_cast<void>(fiber::io::wait_readable(at)); });
    ::close(at);
    ::close(readable);
}

int check() {
    rlim_t const limit = raised_limit();
    wait_for_number(0); // the runtime and its epoll set remain
    auto const before = open_descriptors();
    expect_size(std::min<rlim_t>(limit, 4096), "low", "large");
    wait_for_number(static_cast<int>(std::min<rlim_t>(limit - 1, 3000)));
    expect_size(std::min<rlim_t>(limit, 16'384), "high", "larger");
    std::puts(open_descriptors() == before ? "descriptors: as before" : "descriptors: more");
    return std::fflush(stdout);
}

} // namespace

int main(int, char** arguments) {
    std::string_view const way = arguments[1];
    if (way == "alone")
        return check();
    std::atomic<bool> over{false};
    std::thread other([&] { over.wait(false); });
    int status = 0;
    if (way == "beside_a_thread") {
        status = check();
    } else {
        fiber::run([] {});
        pid_t const child = ::fork();
        if (child == 0)
            ::_exit(check());
        tests::must(child > 0 && ::waitpid(child, &status, 0) == child);
    }
    over = true;
    over.notify_one();
    other.join();
    return status;
}
