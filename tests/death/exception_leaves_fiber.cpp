// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// exception_leaves_fiber: the process terminates. A line names the fiber and the exception, and a backtrace
// shows where it was thrown. The terminate handler finds that exception before any destructor runs. A core
// dump therefore shows the same.

// exit: abort
// stderr: fiber: .*fiber [0-9]+.*"worker".*no such luck.*
// stderr: ...
// stderr:     .*\(fail\+0x[0-9a-f]+\).*
// stderr:     .*\(fail\+0x[0-9a-f]+\).*
// stderr: ...
// stderr:     … [0-9]+ more …
// stderr:     .*
// stderr: ...
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

} // namespace

// Exported, because backtraces name only exported functions.
extern "C" [[gnu::visibility("default"), gnu::noinline]] void fail(int depth) {
    frame const f;
    if (depth != 0)
        fail(depth - 1);
    fiber::this_fiber::yield();
    throw std::runtime_error("no such luck");
}

int main() {
    std::set_terminate(on_terminate);
    fiber::go({.name = "worker"}, [] {
        frame const f;
        fail(100);
    }).join();
}
