// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// What programs do on a stack: existing code and libraries on the default stack, and recursion to
// the promised depth.

#if defined(__GNUC__) && !defined(__clang__) && defined(__SANITIZE_ADDRESS__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized" // in <regex>, by GCC 12
#endif

#include "tests/support/catch.hpp"
#include "tests/support/expect.hpp"
#include "tests/support/leaks.hpp"
#include "tests/support/memory.hpp"

#include <fiber/fiber.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <filesystem>
#include <iomanip>
#include <locale>
#include <netdb.h>
#include <numeric>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <vector>

using tests::kib;
using tests::mib;

namespace {

// Calls itself until it has used `bytes` of stack. Returns the number of bytes used.
[[gnu::noinline]] std::size_t recurse(std::uintptr_t from, std::size_t bytes) {
    char volatile frame[200] = {};
    auto const used = from - reinterpret_cast<std::uintptr_t>(frame);
    return used >= bytes ? used : recurse(from, bytes) + static_cast<std::size_t>(frame[0]);
}

std::size_t recurse_to(std::size_t bytes) {
    return recurse(reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)), bytes);
}

struct piece {
    char const* name;
    bool (*works)();
};

// Each piece returns true if its result is right.
constexpr piece pieces[] = {
    {"printf",
     [] {
         char text[64];
         std::snprintf(text, sizeof text, "%.3f %s %5d|%Lg", 3.14159, "text", 42, 2.5L);
         return std::string(text) == "3.142 text    42|2.5";
     }},
    {"iostream",
     [] {
         std::stringstream s;
         s << std::setprecision(3) << 3.14159 << ' ' << std::hex << 255;
         double d = 0;
         std::string hex;
         s >> d >> hex;
         return d > 3.13 && d < 3.15 && hex == "ff";
     }},
    {"regex",
     [] {
         std::regex const word("(\\w+)\\s+(\\d+|[a-f]*)(,.*)?", std::regex::icase);
         std::smatch found;
         std::string const text = "Fibers 1234, and " + std::string(300, 'x');
         return std::regex_match(text, found, word) && found[2] == "1234";
     }},
    {"filesystem",
     [] {
         auto const here = std::filesystem::canonical("/proc/self/exe");
         auto const is_here = [&](auto const& entry) { return entry.path() == here; };
         std::filesystem::directory_iterator const all(here.parent_path());
         return std::any_of(begin(all), end(all), is_here);
     }},
    {"getaddrinfo",
     [] {
         addrinfo hints{};
         hints.ai_family = AF_UNSPEC;
         addrinfo* found = nullptr;
         bool const numeric = ::getaddrinfo("127.0.0.1", "80", &hints, &found) == 0;
         if (numeric)
             ::freeaddrinfo(found);
         addrinfo* named = nullptr;
         if (::getaddrinfo("localhost", "http", &hints, &named) == 0) // may fail on some machines
             ::freeaddrinfo(named);
         return numeric;
     }},
    {"dlopen",
     [] {
         void* const library = ::dlopen("libm.so.6", RTLD_NOW | RTLD_LOCAL);
         bool const found = library != nullptr && ::dlsym(library, "cbrt") != nullptr;
         if (library != nullptr)
             ::dlclose(library);
         return found;
     }},
    {"std::sort",
     [] {
         std::vector<int> v(10'000);
         std::iota(v.begin(), v.end(), 0);
         std::reverse(v.begin(), v.end());
         std::stable_sort(v.begin(), v.end() - 5'000);
         std::sort(v.begin(), v.end());
         return std::is_sorted(v.begin(), v.end()) && v.front() == 0;
     }},
    {"locale",
     [] {
         std::ostringstream s;
         s.imbue(std::locale::classic());
         std::tm const when{0, 30, 12, 1, 0, 126, 4, 0, 0, 0, nullptr};
         s << std::put_time(&when, "%Y-%m-%d %H:%M");
         return s.str() == "2026-01-01 12:30" && std::isalpha('x', std::locale());
     }},
    {"exceptions",
     [] {
         try {
             try {
                 throw std::runtime_error("inner");
             } catch (std::exception const&) {
                 std::throw_with_nested(std::logic_error("outer"));
             }
         } catch (std::exception const& outer) {
             try {
                 std::rethrow_if_nested(outer);
             } catch (std::exception const& inner) {
                 return std::string(inner.what()) == "inner";
             }
         }
         return false;
     }},
};

} // namespace

TEST_CASE("existing code runs on default stacks", "[stack]") {
    tests::no_leaks const no_leaks;
    for (piece const& p : pieces) {
        INFO(p.name);
        CHECK(fiber::run(p.works));
    }
    tests::expect expect;
    fiber::run([&] {
        fiber::wait_group all;
        for (int i = 0; i < 20; ++i)
            for (piece const& p : pieces)
                all.go([&] { expect(p.works(), p.name); });
        all.wait();
    });
}

TEST_CASE("a default stack allows a depth of 200 KiB", "[stack]") {
    tests::no_leaks const no_leaks;
    CHECK(fiber::run([] { return recurse_to(200 * kib); }) >= 200 * kib);
}

TEST_CASE("a stack of 8 MiB allows a depth of 7 MiB", "[stack]") {
    tests::no_leaks const no_leaks;
    std::size_t deep = 0;
    fiber::go({.stack_size = 8 * mib}, [&] { deep = recurse_to(7 * mib); }).join();
    CHECK(deep >= 7 * mib);
}
