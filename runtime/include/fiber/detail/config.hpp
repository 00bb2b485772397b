// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// config.hpp: the mark of exported symbols, and the library's version.
#pragma once

// Marks a symbol that a program may link against. All other symbols are hidden.
#define FIBER_API __attribute__((visibility("default")))

#define FIBER_VERSION_MAJOR 0
#define FIBER_VERSION_MINOR 1
#define FIBER_VERSION_PATCH 0
