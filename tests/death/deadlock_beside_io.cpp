// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// deadlock_beside_io: a program that has used I/O, and waits for no descriptor any more, is found, too.

// exit: abort
// stderr: fiber: all fibers are asleep - deadlock!
// stderr: 1 fibers on [0-9]+ processors
// stderr: ...

#include <fiber/fiber.hpp>
#include <fiber/io.hpp>

#include <sys/socket.h>
#include <unistd.h>

int main() {
    ::alarm(10);
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
        return 1;
    fiber::go([in = ends[0], out = ends[1]] {
        char byte = 'x';
        auto reader = fiber::go([in] {
            char read = 0;
            static_cast<void>(!fiber::io::read(in, &read, 1));
        });
        fiber::this_fiber::yield();
        static_cast<void>(!fiber::io::write(out, &byte, 1));
        reader.join();
        fiber::chan<int> nobody_sends;
        static_cast<void>(nobody_sends.recv());
    }).join();
}
