// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "tests/chan/interleavings/schedule.hpp"

#include "asm/switch/switch.hpp"
#include "chan/select_random.hpp"
#include "runtime/base/lock/lock_rank.hpp"
#include "runtime/base/lock/spinlock.hpp"
#include "runtime/base/process/fatal.hpp"
#include "runtime/park.hpp"
#include "runtime/spin_hint.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <sstream>
#include <utility>

namespace tests {
namespace {

namespace arch = fiber::arch;
namespace rt = fiber::rt;

struct fake_fiber : rt::agent {
    fake_fiber() noexcept : agent(kind::fiber) {}

    enum class state { runnable, parked, spinning, waiting, ended };

    state is = state::runnable;
    std::atomic<std::uint32_t>* spins_on = nullptr;
    bool (*ready)() = nullptr; // the condition that it waits for
    int locks = 0;
    rt::ticket timer{}; // `who` is null if there is no timer
    bool timed_out = false;
    std::function<void()> const* body = nullptr;
    arch::context context;
};

// Returns the stack of the n-th fiber, the same in all runs: a new stack for each run would take longer
// than the run.
std::array<char, 64 * 1024>& stack(std::size_t n) {
    static std::vector<std::unique_ptr<std::array<char, 64 * 1024>>> all;
    while (all.size() <= n)
        all.push_back(std::make_unique<std::array<char, 64 * 1024>>());
    return *all[n];
}

struct world {
    schedule& decide;
    std::vector<std::unique_ptr<fake_fiber>> fibers;
    fake_fiber* running = nullptr; // null in the scheduler
    arch::context scheduler;
    arch::thread_state_slots thread;
};

world* now = nullptr;

// Switches to the scheduler. swapcontext would make a system call for the signal mask, which takes longer
// than the rest of a run.
void to_scheduler() {
    fake_fiber& me = *std::exchange(now->running, nullptr);
    arch::switch_to(now->thread, me.context, now->scheduler, nullptr, nullptr);
}

bool can_run(fake_fiber const& g) {
    switch (g.is) {
    case fake_fiber::state::runnable:
        return true;
    case fake_fiber::state::spinning:
        return (g.spins_on->load(std::memory_order_relaxed) & rt::spin_word_value::locked) == 0;
    case fake_fiber::state::waiting:
        return g.ready();
    default:
        return false;
    }
}

void make_runnable(rt::agent& p) { static_cast<fake_fiber&>(p).is = fake_fiber::state::runnable; }

void entry() noexcept {
    (*now->running->body)();
    now->running->is = fake_fiber::state::ended;
    to_scheduler();
    std::abort(); // a fiber that has ended is never resumed
}

// An event that can happen next: a fiber runs, or a timer fires.
struct event {
    fake_fiber* who;
    bool timer;
};

// Writes the possible events into `all`, which is reused in each step.
void list_events(std::vector<event>& all) {
    all.clear();
    for (auto& g : now->fibers)
        if (can_run(*g))
            all.push_back({g.get(), false});
    for (auto& g : now->fibers)
        if (g->timer.who != nullptr && !rt::agent::is_claimed(g->timer))
            all.push_back({g.get(), true});
}

// Lists the preempted fiber first: decision 0 means that no preemption happens.
void list_events_with_first(fake_fiber* first, std::vector<event>& all) {
    list_events(all);
    for (auto& e : all)
        if (e.who == first && !e.timer)
            std::swap(e, all.front());
}

void fire(fake_fiber& g) {
    rt::ticket const key = std::exchange(g.timer, {});
    if (!rt::agent::claim(key))
        return;
    g.timed_out = true;
    if (rt::agent::mark_woken(key))
        make_runnable(g);
}

void run_all() {
    fake_fiber* last = nullptr;
    std::vector<event> all;
    for (;;) {
        list_events_with_first(last, all);
        if (all.empty())
            return;
        bool const goes_on = last != nullptr && all.front().who == last && !all.front().timer;
        std::size_t const i = goes_on && !now->decide.may_preempt() ? 0 : now->decide.decide(all.size());
        if (goes_on && i != 0)
            now->decide.count_preemption();
        if (all[i].timer) {
            fire(*all[i].who);
            continue;
        }
        last = now->running = all[i].who;
        last->is = fake_fiber::state::runnable;
        arch::switch_to(now->thread, now->scheduler, last->context, nullptr, nullptr);
    }
}

} // namespace

std::vector<bool> schedule::run(std::vector<std::function<void()>> const& fibers) {
    world here{*this, {}, nullptr, {}, {}};
    here.thread.find();
    now = &here;
    next_ = 0;
    preempted_ = 0;
    for (auto const& f : fibers) {
        auto g = std::make_unique<fake_fiber>();
        g->body = &f;
        auto& its_stack = stack(here.fibers.size());
        arch::make_context(g->context, its_stack.data(), its_stack.size(), entry);
        here.fibers.push_back(std::move(g));
    }
    run_all();
    now = nullptr;
    std::vector<bool> ended;
    for (auto const& g : here.fibers)
        ended.push_back(g->is == fake_fiber::state::ended);
    return ended;
}

bool schedule::advance() {
    made_.resize(next_);
    while (!made_.empty() && made_.back().chosen + 1 == made_.back().of)
        made_.pop_back();
    if (made_.empty())
        return false;
    ++made_.back().chosen;
    return true;
}

std::size_t schedule::decide(std::size_t n) {
    if (n < 2)
        return 0;
    if (next_ == made_.size())
        made_.push_back({0, n});
    made_[next_].of = n;
    if (made_[next_].chosen >= n)
        rt::fatal("a run could not be repeated: decision %zu is now one of %zu", next_, n);
    return made_[next_++].chosen;
}

std::size_t schedule::decide_now(std::size_t n) { return now->decide.decide(n); }

std::string schedule::decisions() const {
    std::ostringstream text;
    text << (granularity_ == granularity::atomics ? "atomics " : "locks ");
    for (std::size_t i = 0; i < next_; ++i)
        text << made_[i].chosen << ' ';
    return text.str();
}

void schedule::replay(std::string const& decisions) {
    made_.clear();
    std::istringstream text(decisions);
    std::string points;
    text >> points;
    granularity_ = points == "atomics" ? granularity::atomics : granularity::locks;
    for (std::size_t chosen; text >> chosen;)
        made_.push_back({chosen, chosen + 1});
}

void schedule::step() {
    if (now != nullptr && now->running != nullptr)
        to_scheduler();
}

void schedule::wait_until(bool (*ready)()) {
    now->running->ready = ready;
    now->running->is = fake_fiber::state::waiting;
    to_scheduler();
}

namespace {
bool steps_at_atomics() { // false between two runs, in the scheduler, and in a commit function
    return now != nullptr && now->running != nullptr && now->decide.points() == granularity::atomics;
}
} // namespace

// Data under a lock does not change: only atomics without a lock are points of preemption.
void about_to_look() noexcept {
    if (steps_at_atomics() && now->running->locks == 0)
        schedule::step();
}

void about_to_publish() noexcept {
    if (steps_at_atomics())
        schedule::step();
}

} // namespace tests

// ── the functions of the runtime that the channels are linked with ──

namespace fiber::detail {

bool one_in(std::uint32_t n) noexcept {
    static_cast<void>(n); // both results are possible
    return tests::now->decide.decide(2) == 1;
}

} // namespace fiber::detail

namespace fiber::rt {

using tests::fake_fiber;
using tests::now;

agent& self() noexcept { return *now->running; }
bool spinning_may_help() noexcept { return true; } // as with several processors: a lock gets no owner early

void park_erased(wait_reason, void const*, commit_function commit, void* argument) noexcept {
    fake_fiber& me = *std::exchange(now->running, nullptr); // no preemption in the commit function
    me.is = fake_fiber::state::parked;
    me.locks = 0; // commit releases them
    commit(argument);
    now->running = &me;
    tests::to_scheduler();
}

wait_end park_until_erased(ticket t, clock::time_point deadline, wait_reason, void const*,
                           commit_function commit, void* argument) noexcept {
    fake_fiber& me = *std::exchange(now->running, nullptr);
    me.is = fake_fiber::state::parked;
    me.locks = 0;
    me.timed_out = false;
    me.timer = deadline != never ? t : ticket{};
    commit(argument);
    if (agent::mark_parked(t))
        me.is = fake_fiber::state::runnable;
    now->running = &me;
    tests::to_scheduler();
    me.timer = {};
    return me.timed_out ? wait_end::timed_out : wait_end::woken;
}

void unpark(ticket t) noexcept {
    tests::schedule::step();
    if (agent::mark_woken(t))
        tests::make_runnable(*t.who);
}
// Unparks at once. The schedule decides when the fiber runs, so a batch would change nothing.
void unpark_batch::add(ticket t) noexcept { unpark(t); }
void unpark_batch::flush() noexcept {
    first_ = last_ = nullptr;
    size_ = 0;
}

void note_locked(lock_rank, void const*) noexcept {
    if (now == nullptr || now->running == nullptr)
        return;
    ++now->running->locks;
    tests::schedule::step();
}
void note_unlocked(lock_rank, void const*) noexcept {
    if (now == nullptr || now->running == nullptr)
        return;
    tests::schedule::step();
    --now->running->locks;
}

guarded_data spin_lock_slow(std::atomic<std::uint32_t>& word, std::uint32_t was) noexcept {
    while ((was & spin_word_value::locked) != 0) {
        fake_fiber& me = *now->running;
        me.is = fake_fiber::state::spinning;
        me.spins_on = &word;
        tests::to_scheduler();
        was = word.exchange(spin_word_value::locked, std::memory_order_acquire);
    }
    return guarded_data::ours;
}

void guarded_data_torn() noexcept { std::abort(); }

} // namespace fiber::rt
