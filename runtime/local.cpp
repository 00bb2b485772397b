// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// local.cpp: fiber::local variables, the tables of their values, and exit actions.

#include "runtime/local_table.hpp"
#include "runtime/park.hpp"
#include "runtime/sched/fiber.hpp"
#include "runtime/sched/thread_agent.hpp"

#include <fiber/local.hpp>

#include <algorithm>
#include <atomic>
#include <utility>
#include <vector>

namespace fiber::rt {
namespace {

// Returns the caller's table, or null if the caller has none yet.
local_table* table_of_caller() noexcept {
    agent& me = self();
    if (!me.is_fiber())
        return static_cast<thread_agent&>(me).locals;
    auto const& g = static_cast<fiber&>(me);
    return g.has_locals ? g.locals : nullptr;
}

local_table& make_table_of_caller() {
    if (local_table* const table = table_of_caller())
        return *table;
    auto* const made = new local_table;
    agent& me = self();
    if (me.is_fiber()) {
        auto& g = static_cast<fiber&>(me);
        g.locals = made;
        g.has_locals = true;
    } else {
        static_cast<thread_agent&>(me).locals = made;
    }
    return *made;
}

} // namespace

void* local_table::find(std::uint64_t variable) const noexcept {
    auto const at = std::find_if(entries_.begin(), entries_.end(),
                                 [=](entry const& e) { return e.variable == variable; });
    return at != entries_.end() ? at->value : nullptr;
}

void local_table::add(detail::local_variable const& variable, void* value, void (*end)(void*)) {
    std::vector<entry> gone;
    bool const sweep = entries_.size() >= sweep_at_;
    if (sweep)
        gone.reserve(entries_.size());
    entries_.push_back({variable.number(), variable.record(), value, end}); // nothing after this line throws
    if (sweep)
        take_gone(gone);
    for (; !gone.empty(); gone.pop_back())
        gone.back().destroy(gone.back().value); // may use other variables, and park
}

// Moves the values of destroyed variables to `to`, in the order of making. The caller has reserved enough
// memory.
void local_table::take_gone(std::vector<entry>& to) noexcept {
    auto kept = entries_.begin();
    for (entry const& e : entries_)
        if (e.record->is(e.variable)) // read once: another thread may destroy the variable at any time
            *kept++ = e;
        else
            to.push_back(e);
    entries_.erase(kept, entries_.end());
    sweep_at_ = std::max(min_sweep, 2 * entries_.size());
}

void local_table::add(exit_action& action) noexcept { action.next = std::exchange(last_action_, &action); }

void local_table::destroy_all(local_table*& of) noexcept {
    while (!of->entries_.empty() || of->last_action_ != nullptr) {
        if (of->entries_.empty()) {
            exit_action& action = *of->last_action_;
            of->last_action_ = action.next;
            action.run(action); // action may be destroyed here; run may use variables, and park
            continue;
        }
        entry const last = of->entries_.back();
        of->entries_.pop_back();
        last.destroy(last.value); // may use other variables, and park
    }
    delete std::exchange(of, nullptr);
}

void at_exit_of_self(exit_action& action) { make_table_of_caller().add(action); }

bool self_has_locals() noexcept { return table_of_caller() != nullptr; }

} // namespace fiber::rt

namespace fiber::detail {

namespace {

constinit std::atomic<std::uint64_t> next_number{1};
constinit std::atomic<rt::local_record*> free_records{nullptr};

// [local.free] take_free takes the whole list by exchange, keeps one record, and puts the rest back.
//   A pop of one record by compare-exchange would be wrong if another thread took that record and put it
//   back in between (ABA).
//   There is no lock, because a fork could leave the lock locked in the child. The child of a fork loses
//   the records that another thread has taken and not put back.
void put_free(rt::local_record& first) noexcept {
    rt::local_record* before = nullptr;
    if (free_records.compare_exchange_strong(before, &first,
                                             std::memory_order_release, // [local.free] their next_free
                                             std::memory_order_relaxed))
        return;
    rt::local_record* last = &first;
    while (last->next_free != nullptr)
        last = last->next_free;
    do
        last->next_free = before;
    while (!free_records.compare_exchange_weak(before, &first, std::memory_order_release, // [local.free]
                                               std::memory_order_relaxed));
}

rt::local_record& take_free() {
    rt::local_record* const all = free_records.exchange(nullptr, std::memory_order_acquire); // [local.free]
    if (all == nullptr)
        return *new rt::local_record;
    if (rt::local_record* const rest = std::exchange(all->next_free, nullptr))
        put_free(*rest);
    return *all;
}

} // namespace

local_variable::local_variable()
    : record_(&take_free()), number_(next_number.fetch_add(1, std::memory_order_relaxed)) { // a number
    record_->begin(number_);
}

local_variable::~local_variable() {
    record_->end();
    put_free(*record_);
}

void* find_local(std::uint64_t variable) noexcept {
    rt::local_table const* const table = rt::table_of_caller();
    return table != nullptr ? table->find(variable) : nullptr;
}

void add_local(local_variable const& variable, void* value, void (*destroy)(void*)) {
    rt::make_table_of_caller().add(variable, value, destroy);
}

} // namespace fiber::detail
