// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "perf/competitors/boost_fiber.hpp"
#include "perf/competitors/program.hpp"

#include <boost/version.hpp>

#include <string>

int main(int argc, char** argv) {
    auto const version = "Boost.Fiber " + std::to_string(BOOST_VERSION / 100000) + "." +
                         std::to_string(BOOST_VERSION / 100 % 1000);
    return perf::compete<perf::competitors::boost_fibers>(argc, argv, version);
}
