// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// env_test.cpp: Parsing of sizes in environment variables.

#include "runtime/base/process/env.hpp"

#include "tests/support/catch.hpp"

#include <fiber/runtime.hpp>

#include <cstdint>
#include <cstdlib>
#include <optional>

namespace {

constexpr std::size_t kib = 1024;
constexpr std::uint64_t least = 16 * kib, most = std::uint64_t{1} << 36;

// Sets an environment variable for the lifetime of the object.
class setting {
public:
    setting(char const* name, char const* value) : name_(name) { ::setenv(name, value, 1); }
    setting(setting const&) = delete;
    setting& operator=(setting const&) = delete;
    ~setting() { ::unsetenv(name_); }

private:
    char const* const name_;
};

std::optional<std::uint64_t> size_of(char const* text) {
    setting const here("FIBER_TEST_SIZE", text);
    return fiber::rt::env_size("FIBER_TEST_SIZE", least, most);
}

} // namespace

TEST_CASE("a size from the environment is a number of bytes, KiB, MiB or GiB", "[env]") {
    CHECK(size_of("65536") == 64 * kib);
    CHECK(size_of("64k") == 64 * kib);
    CHECK(size_of("64K") == 64 * kib);
    CHECK(size_of("1M") == 1024 * kib);
    CHECK(size_of("8m") == 8192 * kib);
    CHECK(size_of("2g") == 2048 * 1024 * kib);
    CHECK(size_of("64G") == most);
    CHECK(size_of("16k") == least);
    CHECK(size_of("") == std::nullopt);
}

TEST_CASE("an invalid or out-of-range size from the environment is ignored", "[env]") {
    for (char const* const bad : {"k",
                                  "M",
                                  "64kb",
                                  "64KiB",
                                  "64 k",
                                  " 64k",
                                  "64k ",
                                  "1.5M",
                                  "-1M",
                                  "+64k",
                                  "0x40k",
                                  "kk",
                                  "64km",
                                  "15k",
                                  "0",
                                  "0k",
                                  "65G",
                                  "18446744073709551616",
                                  "18014398509481985k",
                                  "18014398509481984K",
                                  "99999999999999999999M"}) {
        CAPTURE(bad);
        CHECK(size_of(bad) == std::nullopt);
    }
}

TEST_CASE("FIBER_STACK_SIZE takes a suffix", "[env]") {
    auto const remaining = [](char const* size) {
        setting const here("FIBER_STACK_SIZE", size);
        fiber::runtime r({.processors = 1});
        return r.run([] { return fiber::this_fiber::stack_remaining(); });
    };
    CHECK(remaining("1M") > 900 * kib);
    CHECK(remaining("1M") <= 1024 * kib);
    CHECK(remaining("8m") > 8000 * kib);
    CHECK(remaining("64k") <= 64 * kib);
}
