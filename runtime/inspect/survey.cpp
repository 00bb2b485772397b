// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/inspect/survey.hpp"

#include "runtime/base/atomics/cpu_relax.hpp"
#include "runtime/sched/fiber_pool.hpp"
#include "runtime/sched/freeze.hpp"
#include "runtime/sched/scheduler.hpp"

#include <algorithm>
#include <chrono>
#include <sched.h>
#include <unistd.h>

namespace fiber::rt {
namespace {

using namespace std::chrono_literals;

constexpr auto window = 200us;       // for which fibers stand still
constexpr auto pause = 200us;        // between two windows, at least
constexpr auto longest_pause = 2ms;  // for machines that have got no CPU since the last window
constexpr std::size_t at_once = 256; // fibers in a window; bounds the memory of their frames
constexpr auto short_wait = 500us;   // for machines that are inside the runtime
// After many tries: with more running threads than CPUs, a machine may have lost its CPU again and again.
constexpr auto long_wait = 10ms;
constexpr int short_tries = 50, max_tries = 200; // in a row

// Lets the program run, until each machine that was stopped has gone on. A sleep could take milliseconds
// beside threads that compute.
void let_run(scheduler const& of) noexcept {
    auto const begin = clock::now();
    while (clock::now() - begin < pause || (holds_up_any(of) && clock::now() - begin < longest_pause))
        cpu_relax();
}

class surveyor {
public:
    surveyor(scheduler& of, dump_options const& options) : of_(of), options_(options) {}

    [[nodiscard]] survey take() {
        for_each_fiber([this](fiber const& g) {
            if (g.scheduler == &of_ && g.state != fiber_state::dead)
                found_.push_back(&g);
        });
        made_.fibers.reserve(found_.size());
        std::size_t const most = options_.backtraces ? std::min(options_.most, found_.size()) : 0;
        frames_.resize(most != 0 ? at_once * max_frames : 0);
        for (int tries = 0; next_ < most && tries < max_tries;)
            tries = look_in_window(most, tries < short_tries ? short_wait : long_wait) ? 0 : tries + 1;
        look_at_rest();
        made_.at = clock::now();
        return std::move(made_);
    }

private:
    [[nodiscard]] bool look_in_window(std::size_t most, clock::duration max_wait) {
        arch::backtrace all{frames_.data(), frames_.size()};
        std::size_t const first = made_.fibers.size();
        bool frozen = false, has_stopped_any = false;
        ::sched_yield(); // a thread with other claimants for its CPU is to lose it now, not in the window
        {
            channel_memory channels(self_);
            freeze standstill(of_);
            frozen = standstill.begin(max_wait);
            auto const until = clock::now() + window;
            std::size_t const end = std::min(most, next_ + at_once);
            while (frozen && next_ < end && clock::now() < until) {
                look l = look_at(*found_[next_++], of_, during::standstill, channels);
                if (l.id == 0)
                    continue;
                add_frames(l, all);
                made_.fibers.push_back(l); // within the capacity
            }
            has_stopped_any = standstill.has_stopped_any();
        }
        if (has_stopped_any || holds_up_any(of_))
            let_run(of_);
        for (std::size_t i = first; i < made_.fibers.size(); ++i)
            made_.fibers[i].first_frame += made_.frames.size();
        made_.frames.insert(made_.frames.end(), frames_.data(), frames_.data() + all.count);
        return frozen;
    }
    // Looks without frames. Where time matters, the fibers stand still all the same.
    void look_at_rest() {
        while (next_ < found_.size()) {
            channel_memory channels(self_);
            freeze standstill(of_);
            bool const frozen = standstill.begin(short_wait);
            auto const end = std::min(found_.size(), next_ + 1000);
            for (; next_ < end; ++next_) {
                look const l =
                    look_at(*found_[next_], of_, frozen ? during::standstill : during::run, channels);
                if (l.id != 0)
                    made_.fibers.push_back(l);
            }
            standstill.end();
            if (next_ < found_.size() && (standstill.has_stopped_any() || holds_up_any(of_)))
                let_run(of_);
        }
    }

    scheduler& of_;
    dump_options const& options_;
    int const self_ = ::getpid();
    std::vector<fiber const*> found_;
    std::vector<void*> frames_; // of one window
    std::size_t next_ = 0;
    survey made_;
};

} // namespace

survey take_survey(scheduler& of, dump_options const& options) {
    return of.is_from_parent() ? survey() : surveyor(of, options).take(); // [fork]
}

} // namespace fiber::rt
