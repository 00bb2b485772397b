// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "chan/biased_lock.hpp"

#include "runtime/base/cpu_relax.hpp"
#include "runtime/park.hpp"

#include <cerrno>
#include <sched.h>

namespace fiber::detail {
namespace {
constexpr std::uint8_t most_patience = 15; // a streak has 16 bits
} // namespace

// With the word.
[[gnu::cold, gnu::noinline]] void biased_lock::revoke(rt::guarded_data data, void const* me) noexcept {
    if (s_.owner.load(std::memory_order_relaxed) != me) {
        rt::heavy_fence(); // [bias]
        if (data != rt::guarded_data::ours && s_.held.load(std::memory_order_relaxed))
            rt::guarded_data_torn(); // [fork] the owner has stayed behind, and was in
        int const saved_errno = errno;
        for (int i = 1; s_.held.load(std::memory_order_acquire); ++i) // [bias]
            i % 32 == 0 ? static_cast<void>(::sched_yield()) : rt::cpu_relax();
        errno = saved_errno;
    }
    s_.owner.store(nullptr, std::memory_order_relaxed); // the word's release publishes it
    s_.streak = 0;
    if (s_.patience < most_patience)
        ++s_.patience;
}

// With the word, which is given back: from here on this thread is in as the owner. [bias] Whoever takes the word next sees
// that, and waits.
[[gnu::cold, gnu::noinline]] void biased_lock::consider(void const* me) noexcept {
    s_.streak = 0;
    if (me == nullptr || rt::spinning_may_help() || !rt::self().is_fiber())
        return;
    s_.held.store(true, std::memory_order_relaxed);
    s_.owner.store(me, std::memory_order_relaxed);
    s_.word.store(rt::spin_word_value::free_here(), std::memory_order_release); // [bias]
}

} // namespace fiber::detail
