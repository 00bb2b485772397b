// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// debug_locks_circle: under FIBER_DEBUG=locks, two fibers that wait for each other, by a lock and by a join,
// are named within seconds, while other fibers run. A dump names the circle, too, and the holder of the lock.

// env: FIBER_DEBUG=locks=60000
// stderr: fiber: deadlock: fiber [0-9]+ "joins" joins fiber [0-9]+ "locks", which waits for mutex 0x[0-9a-f]+, held by fiber [0-9]+ "joins"
// stdout: the circle is in the dump
// stdout: the holder is in the list

#include "tests/death/own_stderr.hpp"

#include <fiber/fiber.hpp>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <unistd.h>

namespace {

std::string dump() {
    char* text = nullptr;
    std::size_t size = 0;
    std::FILE* const stream = ::open_memstream(&text, &size);
    fiber::runtime::global().dump(stream, {.backtraces = false});
    std::fclose(stream);
    std::string const all(text, size);
    std::free(text);
    return all;
}

} // namespace

int main() {
    static fiber::mutex m;
    static fiber::handle locks;
    tests::own_stderr reports;
    fiber::chan<bool> is_locked, has_handle;
    fiber::go({.name = "joins"}, [is_locked, has_handle]() mutable {
        m.lock();
        static_cast<void>(is_locked.recv());
        static_cast<void>(has_handle.recv());
        locks.join();
    });
    locks = fiber::go({.name = "locks"}, [is_locked]() mutable {
        is_locked.send(true);
        m.lock();
    });
    has_handle.close();
    reports.pass_on_line();
    if (dump().find("\ndeadlock: fiber ") != std::string::npos)
        std::puts("the circle is in the dump");
    for (auto const& f : fiber::runtime::global().fibers())
        if (f.name == "locks" && f.waits_for.starts_with("mutex, held by fiber ") &&
            f.waits_for.ends_with(" \"joins\""))
            std::puts("the holder is in the list");
    std::fflush(stdout);
    ::_exit(0);
}
