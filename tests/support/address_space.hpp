// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// address_space.hpp: limits the address space of the process, so that a test can exhaust it.
#pragma once

#include "tests/support/catch.hpp"

#include <cstddef>
#include <fstream>
#include <sys/resource.h>
#include <unistd.h>

namespace tests {

// Limits, in its scope, how much more address space the process can get. Without the limit a test would have
// to use 128 TiB to reach the end. It would leave nothing for later tests, because reservations for stacks
// are never returned.
class address_space_left {
public:
    explicit address_space_left(std::size_t bytes) {
        std::size_t pages = 0;
        std::ifstream("/proc/self/statm") >> pages;
        ::getrlimit(RLIMIT_AS, &before_);
        auto limit = before_;
        limit.rlim_cur = pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) + bytes;
        REQUIRE(::setrlimit(RLIMIT_AS, &limit) == 0);
    }
    address_space_left(address_space_left const&) = delete;
    address_space_left& operator=(address_space_left const&) = delete;
    ~address_space_left() { ::setrlimit(RLIMIT_AS, &before_); }

private:
    ::rlimit before_{};
};

} // namespace tests
