// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// exit_in_static_runtime WAY: a fiber calls exit(), which destroys the fiber's runtime and ends the
// process. exit() waits neither for that fiber nor for the other fibers of the runtime.

// exit: 3
// stdout: 42

#include <fiber/fiber.hpp>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <unistd.h>

namespace {

fiber::runtime early({.processors = 2}); // made before main: destroyed last
std::unique_ptr<fiber::runtime> owned;

[[noreturn]] void exit_in(fiber::runtime& where) {
    where.go([] { // never ends
        for (;;)
            fiber::this_fiber::yield();
    });
    where.go([] { fiber::chan<int>(nullptr).send(1); }); // never ends
    where.go([] {
        std::printf("42"); // stays in the buffer until exit
        std::exit(3);
    });
    for (;;)
        ::pause();
}

} // namespace

int main(int, char** argv) {
    std::string_view const way = argv[1];
    if (way == "static")
        exit_in(early);
    if (way == "owned") {
        owned = std::make_unique<fiber::runtime>(fiber::runtime_options{.processors = 2});
        exit_in(*owned);
    }
    static fiber::runtime late({.processors = 2});
    exit_in(late);
}
