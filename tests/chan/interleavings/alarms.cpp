// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "tests/chan/interleavings/alarms.hpp"

#include "chan/alarm.hpp"
#include "tests/chan/interleavings/schedule.hpp"

#include <algorithm>
#include <cstddef>
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
            channel* const whose = next.whose_;
            if (!channel::retain_unless_gone(whose))
                continue;
            next.ring(next.when());
            channel::release(whose);
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

} // namespace fiber::detail

namespace tests {

void ring_alarms() { fiber::detail::alarm_clock::run(); }
void forget_alarms() noexcept { fiber::detail::alarm_clock::armed.clear(); }

} // namespace tests
