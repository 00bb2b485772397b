// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// assert.hpp: FIBER_ASSERT checks an invariant in debug and sanitizer builds.
#pragma once

#include "runtime/base/process/fatal.hpp"

#ifdef NDEBUG
#define FIBER_ASSERT(condition) static_cast<void>(0)
#else
#define FIBER_STRING_(x) #x
#define FIBER_STRING(x) FIBER_STRING_(x)
#define FIBER_ASSERT(condition)                                                                              \
    ((condition)                                                                                             \
         ? static_cast<void>(0)                                                                              \
         : ::fiber::rt::fatal("broken invariant: %s (%s:%s)", #condition, __FILE__, FIBER_STRING(__LINE__)))
#endif
