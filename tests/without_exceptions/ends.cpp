// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// ends.cpp CASE: executes one case that throws in a program with exceptions. In a program without
// exceptions it ends the process with the message that CMakeLists.txt lists. The exception passes
// frames that are compiled without exceptions, and finds no handler.

#include <fiber/fiber.hpp>

#include <chrono>
#include <cstdio>
#include <exception>
#include <functional>
#include <string_view>
#include <utility>

namespace {

using namespace std::chrono_literals;

// A destructor between the throw and the end of the process. It does not run.
struct destroyed {
    ~destroyed() { std::puts("a destructor ran"); }
};

fiber::chan<int> closed() {
    fiber::chan<int> c(1);
    c.close();
    return c;
}

void broken_promise() {
    fiber::future<int> future;
    {
        fiber::promise<int> promise;
        future = promise.get_future();
    }
    static_cast<void>(future.get());
}

struct {
    std::string_view name;
    void (*run)();
} constexpr cases[] = {
    {"send_to_closed", [] { closed().send(1); }},
    {"close_twice", [] { closed().close(); }},
    {"select_of_closed", [] { fiber::select(fiber::on_send(closed(), 1, [] {})); }},
    {"negative_capacity", [] { fiber::chan<int>(-1); }},
    {"wait_group_below_zero", [] { fiber::wait_group().done(); }},
    {"group_without_room", [] { fiber::group().set_limit(0); }},
    {"join_twice",
     [] {
         auto started = fiber::go([] {});
         started.join();
         started.join();
     }},
    {"stack_too_large", [] { fiber::go({.stack_size = std::size_t{1} << 60}, [] {}); }},
    {"ticker_of_zero", [] { fiber::ticker(0s); }},
    {"selector_out_of_range", [] { fiber::selector().remove(1); }},
    {"promise_retrieved_twice",
     [] {
         fiber::promise<int> promise;
         static_cast<void>(promise.get_future());
         static_cast<void>(promise.get_future());
     }},
    {"broken_promise", broken_promise},
    // In a program with exceptions the library would catch these, and throw them in the wait for the result.
    {"in_fiber", [] { fiber::go({.name = "worker"}, [] { closed().send(1); }).join(); }},
    {"in_run", [] { fiber::run([] { closed().send(1); }); }},
    {"in_async", [] { fiber::async([] { closed().send(1); }).get(); }},
    {"in_deferred", [] { fiber::async(fiber::launch::deferred, [] { closed().send(1); }).get(); }},
    {"in_task", [] { fiber::packaged_task<void()>([] { closed().send(1); })(); }},
    {"in_group",
     [] {
         fiber::group group;
         group.go([] { closed().send(1); });
         group.wait();
     }},
    {"in_timer",
     [] {
         fiber::after_func(1ms, [] { closed().send(1); });
         fiber::this_fiber::sleep_for(1h);
     }},
    {"on_stack_extension", [] { fiber::with_stack(std::size_t{1} << 30, [] { closed().send(1); }); }},
};

} // namespace

int main(int, char** argv) {
    for (auto const& each : cases)
        if (each.name == argv[1]) {
            destroyed const frame;
            each.run();
        }
    std::puts("went on");
    std::fflush(stdout);
}
