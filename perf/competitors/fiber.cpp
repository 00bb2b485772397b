// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "perf/competitors/fiber.hpp"
#include "perf/competitors/program.hpp"
#include "perf/standalone/standalone.hpp"

#include <fiber/fiber.hpp>

#if !defined(ON_STACKS) // that are not the default ones
#define ON_STACKS ""
#endif
#define TEXT_OF(x) #x
#define VERSION(a, b, c) TEXT_OF(a) "." TEXT_OF(b) "." TEXT_OF(c)

int main(int argc, char** argv) {
    return perf::compete<perf::competitors::fibers>(
        argc, argv,
        "libfiber " VERSION(FIBER_VERSION_MAJOR, FIBER_VERSION_MINOR, FIBER_VERSION_PATCH) ON_STACKS,
        perf::standalone::stacks_entries());
}
