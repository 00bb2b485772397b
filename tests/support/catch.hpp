// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// catch.hpp: includes Catch2, version 2.13 or 3.
// The macros of Catch2 are not thread-safe. Use them in one fiber or OS thread at a time: in the test's own
// flow, and in the body of fiber::run, which passes exceptions to its caller. Use expect.hpp in concurrent
// fibers.
#pragma once

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif
