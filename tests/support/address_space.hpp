// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// address_space.hpp: an end of address space that a test can come to.
#pragma once

#include "tests/support/catch.hpp"

#include <cstddef>
#include <fstream>
#include <sys/resource.h>
#include <unistd.h>

namespace tests {

// While it lives, the process can have so much more address space. Without it, a test that looks for the end would have to
// use up 128 TiB, and leave nothing to those after it: what is reserved for stacks stays so.
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
