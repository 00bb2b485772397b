// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// join_twice: a second join throws, and so does every other join that std::thread refuses.

// stdout: handle: Invalid argument
// stdout: thread: Invalid argument
// stdout: detached: Invalid argument
// stdout: no fiber: Invalid argument
// stdout: itself: Resource deadlock avoided

#include <fiber/fiber.hpp>

#include <cstdio>
#include <system_error>

namespace {

template <class Joinable>
void try_join(char const* what, Joinable& it) {
    try {
        it.join();
        std::printf("%s: joined\n", what);
    } catch (std::system_error const& e) {
        std::printf("%s: %s\n", what, e.code().message().c_str());
    }
}

} // namespace

int main() {
    fiber::handle handle = fiber::go([] {});
    handle.join();
    try_join("handle", handle);

    fiber::thread thread([] {});
    thread.join();
    try_join("thread", thread);

    thread = fiber::thread([] {});
    thread.detach();
    try_join("detached", thread);

    fiber::thread none;
    try_join("no fiber", none);

    fiber::chan<bool> stored;
    thread = fiber::thread([&] {
        static_cast<void>(stored.recv());
        try_join("itself", thread);
    });
    stored.send(true);
    thread.join();
}
