// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// unshare_descriptors.cpp: closes the inherited descriptors with close_range(2).
#include "runtime/base/thread/unshare_descriptors.hpp"

#include <unistd.h>

namespace fiber::rt {
namespace {

// From <linux/close_range.h>, which some systems do not have yet.
constexpr long close_range_call = 436; // on all architectures
constexpr unsigned unshare = 2;

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define FIBER_REPORTS_TO_STDERR 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FIBER_REPORTS_TO_STDERR 1
#endif

// A sanitizer's report is written by the thread that caused it.
#ifdef FIBER_REPORTS_TO_STDERR
constexpr unsigned first_closed = STDERR_FILENO + 1;
#else
constexpr unsigned first_closed = 0;
#endif

thread_local constinit bool is_private = false;

} // namespace

// One call, so that no copy of a descriptor lives longer than necessary.
bool unshare_descriptors() noexcept {
    is_private = ::syscall(close_range_call, first_closed, ~0U, unshare) == 0;
    return is_private;
}

bool has_private_descriptors() noexcept { return is_private; }

} // namespace fiber::rt
