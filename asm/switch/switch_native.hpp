// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// switch_native.hpp: the backend without Boost, one file per architecture. exchange() is a few
// inline instructions that clobber every register. The compiler keeps live values in the frame of
// the surrounding function, and no function call stands between the switch and its caller.
#pragma once

#if defined(__x86_64__)
#include "asm/switch/switch_x86_64.hpp"
#elif defined(__aarch64__)
#include "asm/switch/switch_aarch64.hpp"
#else
#error "FIBER_SWITCH=native is for x86-64 and aarch64: configure with -DFIBER_SWITCH=boost"
#endif
