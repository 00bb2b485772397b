// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// exception_leaves_fiber: the process terminates, and one line names the fiber and the exception.
// The terminate handler finds that exception before any destructor runs. A core dump therefore shows
// where the exception was thrown.

// exit: abort
// stderr: fiber: .*fiber [0-9]+.*"worker".*no such luck.*
// stdout: no such luck: the frames are whole

#include <fiber/fiber.hpp>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <stdexcept>

namespace {

int passed = 0;

struct frame {
    ~frame() { ++passed; }
};

[[noreturn]] void on_terminate() {
    try {
        throw;
    } catch (std::exception const& e) {
        std::printf("%s: the frames are %s\n", e.what(), passed == 0 ? "whole" : "gone");
    }
    std::fflush(stdout);
    std::abort();
}

[[gnu::noinline]] void fail(int depth) {
    frame const f;
    if (depth != 0)
        fail(depth - 1);
    fiber::this_fiber::yield();
    throw std::runtime_error("no such luck");
}

} // namespace

int main() {
    std::set_terminate(on_terminate);
    fiber::go({.name = "worker"}, [] {
        frame const f;
        fail(100);
    }).join();
}
