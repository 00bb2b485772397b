// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// catch.hpp: Catch2, 2.13 or 3, under one include.
// Its macros are not thread-safe: use them in the test's own flow, one party at a time. That includes the
// body of fiber::run, whose exceptions come back to the caller. In fibers that run beside each other, use
// expect.hpp.
#pragma once

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif
