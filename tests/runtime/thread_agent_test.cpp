// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// thread_agent_test.cpp: Library calls in destructors of thread_local variables.

#include "tests/support/catch.hpp"

#include <fiber/fiber.hpp>

#include <atomic>
#include <mutex>
#include <string>
#include <thread>

namespace {

fiber::local<std::string> text;
std::atomic<int> late_ends{0};
std::atomic<bool> same_id{true}, gone_text{true};

// Made before the library's own variables of the thread, and therefore destroyed after them.
struct late {
    fiber::id id;
    bool used = false;
    ~late() {
        if (!used)
            return;
        if (id != fiber::this_fiber::get_id())
            same_id = false;
        if (!text->empty()) // destroyed earlier, like any thread_local variable made after `late`
            gone_text = false;
        *text = std::string(100, 'x');
        fiber::mutex m;
        m.lock();
        auto waiting = fiber::go([&] { std::scoped_lock const hold(m); });
        m.unlock();
        waiting.join();
        ++late_ends;
    }
};
thread_local late at_the_end;

} // namespace

TEST_CASE("a thread_local variable's destructor may wait and make fiber-local values", "[thread_agent]") {
    for (int i = 0; i < 20; ++i)
        std::thread([] {
            at_the_end.used = true;
            at_the_end.id = fiber::this_fiber::get_id();
            *text = "early";
        }).join();
    CHECK(late_ends == 20);
    CHECK(same_id);
    CHECK(gone_text);
}
