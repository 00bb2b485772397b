// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// descriptor_test.cpp: what is told of fibers that wait for a descriptor.

#include "tests/support/catch.hpp"

#include "tests/inspect/found.hpp"

#include <fiber/fiber.hpp>
#include <fiber/io.hpp>

#include <chrono>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

using namespace std::chrono_literals;

TEST_CASE("a wait for a descriptor names the descriptor, and is no deadlock", "[inspect]") {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    fiber::runtime r({.processors = 2});
    auto reader = r.go({.name = "reader"}, [in = ends[0]] {
        char byte;
        static_cast<void>(!fiber::io::read(in, &byte, 1));
    });
    auto const found = tests::wait_until_parked(r, "reader");
    CHECK(found.waits_for == "io, descriptor " + std::to_string(ends[0]));
    CHECK(!found.frames.empty());
    std::thread writer([&] { // this thread, too, waits in the library now; nobody else does
        std::this_thread::sleep_for(300ms);
        static_cast<void>(!::write(ends[1], "x", 1));
    });
    reader.join();
    writer.join();
    ::close(ends[0]);
    ::close(ends[1]);
}
