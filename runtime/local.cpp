// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// local.cpp: fiber::local variables and exit actions, in the tables of the agents that use them.

#include <fiber/local.hpp>

#include "runtime/exit_action.hpp"
#include "runtime/local_table.hpp"
#include "runtime/park.hpp"
#include "runtime/sched/fiber.hpp"
#include "runtime/sched/thread_agent.hpp"

#include <atomic>
#include <cstdint>
#include <utility>

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
