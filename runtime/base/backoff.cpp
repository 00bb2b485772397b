// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/base/backoff.hpp"

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <sched.h>

namespace fiber::rt {
namespace {

constexpr int yields = 8; // a CPU of its own is soon given to the other thread
constexpr long shortest_nap_ns = 50'000, longest_nap_ns = 1'000'000;
constexpr int naps_of_a_length = 8; // then twice as long

} // namespace

[[gnu::cold, gnu::noinline]] void backoff::operator()() noexcept {
    int const saved_errno = errno;
    int const naps = rounds_++ - yields;
    if (naps < 0) {
        ::sched_yield();
    } else {
        timespec const nap{0,
                           std::min(shortest_nap_ns << std::min(naps / naps_of_a_length, 8), longest_nap_ns)};
        ::nanosleep(&nap, nullptr);
    }
    errno = saved_errno;
}

} // namespace fiber::rt
