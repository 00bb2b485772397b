// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "tests/chan/interleavings/alarms.hpp"

#include "chan/alarm.hpp"
#include "chan/own_fiber.hpp"
#include "tests/chan/interleavings/schedule.hpp"

#include <fiber/go.hpp>

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace fiber::detail {

class alarm_clock {
public:
    static inline std::vector<alarm*> armed;

    static void run() {
        for (;;) {
            tests::schedule::wait_until([] { return !armed.empty(); });
            auto const at = tests::schedule::decide_now(armed.size());
            alarm& next = *armed[at];
            armed.erase(armed.begin() + static_cast<std::ptrdiff_t>(at));
            channel* const owner = next.owner_;
            if (!channel::retain_unless_zero(owner))
                continue;
            next.fire(next.when());
            if (!channel::release_unless_last(owner))
                call_in_own_fiber([](void* c) { channel::release(static_cast<channel*>(c)); }, owner);
        }
    }
};

void alarm::arm(deadline when) {
    tests::schedule::step();
    when_ = when;
    alarm_clock::armed.push_back(this);
}

void alarm::disarm() noexcept {
    tests::schedule::step();
    auto& all = alarm_clock::armed;
    all.erase(std::remove(all.begin(), all.end(), this), all.end());
}

bool alarm::is_armed() const noexcept {
    auto const& all = alarm_clock::armed;
    return std::find(all.begin(), all.end(), this) != all.end();
}

namespace {
std::vector<std::pair<void (*)(void*), void*>> to_be_called;
}

void call_in_own_fiber(void (*run)(void*), void* argument) noexcept {
    tests::schedule::step();
    to_be_called.emplace_back(run, argument);
}

} // namespace fiber::detail

// A fiber of the schedule always stays on its one OS thread.
namespace fiber {
thread_pin::thread_pin() = default;
thread_pin::~thread_pin() = default;
bool running_in_fiber() noexcept { return true; }
} // namespace fiber

namespace tests {

void ring_alarms() { fiber::detail::alarm_clock::run(); }
void forget_alarms() noexcept { fiber::detail::alarm_clock::armed.clear(); }

void call_for_others() {
    auto& all = fiber::detail::to_be_called;
    for (;;) {
        schedule::wait_until([] { return !fiber::detail::to_be_called.empty(); });
        auto const [run, argument] = all.front();
        all.erase(all.begin());
        run(argument);
    }
}

} // namespace tests
