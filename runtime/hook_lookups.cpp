// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/hook_lookups.hpp"

#include "runtime/base/lock/spinlock.hpp"
#include "runtime/net/lookup_limits.hpp"
#include "runtime/park.hpp"

#include <fiber/go.hpp>
#include <fiber/hook.hpp>
#include <fiber/stack.hpp>

#include <atomic>
#include <cstdint>
#include <system_error>

namespace fiber::rt {
namespace {

// Grants turns, in the order of asking. A turn that ends goes to the first waiter.
class turns {
public:
    void take() noexcept {
        lock();
        if (running_ < max_running_lookups) {
            ++running_;
            unlock();
            return;
        }
        waiter w(ticket{&self()});
        wait_queue(waiting_).push_back(w);
        park(wait_reason::io, this, [this] { unlock(); }); // [park]
    }

    void give_back() noexcept {
        lock();
        waiter* const w = wait_queue(waiting_).front();
        if (w == nullptr) {
            --running_;
            unlock();
            return;
        }
        wait_queue(waiting_).remove(*w);
        ticket const next = w->key;
        unlock();
        unpark(next); // *w may be destroyed here
    }

private:
    using spin = spin_word<lock_rank::wait_queue>;

    void lock() noexcept {
        if (spin(lock_).lock_unchecked() == guarded_data::ours) [[likely]]
            return;
        running_ = 0; // [fork] no fiber of the parent comes back
        wait_queue(waiting_).forget_all();
    }
    void unlock() noexcept { spin(lock_).unlock(); }

    std::atomic<std::uint32_t> lock_{0}; // guards what follows
    unsigned running_ = 0;
    detail::wait_list waiting_;
};

constinit turns lookups;

} // namespace

void look_up(void (*call)(void*) noexcept, void* argument) noexcept {
    lookups.take();
    {
        hook::off const plain;
        auto const run = [=] { blocking([=] { call(argument); }); };
        try {
            with_stack(lookup_stack_size, run);
        } catch (std::system_error const&) { // no stack: the fiber's own may do
            run();
        }
    }
    lookups.give_back();
}

} // namespace fiber::rt
