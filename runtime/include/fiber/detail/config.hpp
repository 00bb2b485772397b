// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// config.hpp: what the library exports, and how.
#pragma once

// Symbols are hidden by default; these are the ones a program may link against.
#define FIBER_API __attribute__((visibility("default")))

#define FIBER_VERSION_MAJOR 0
#define FIBER_VERSION_MINOR 1
#define FIBER_VERSION_PATCH 0
