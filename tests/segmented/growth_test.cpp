// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// Stacks that grow by segments: their depth, and all kinds of arguments and results across the end
// of a segment.

#include "tests/segmented/at_each_depth.hpp"
#include "tests/support/catch.hpp"

#include <fiber/fiber.hpp>
#include <fiber/stack.hpp>

#include <array>
#include <cstdarg>
#include <cstddef>
#include <string>

namespace {

[[gnu::noinline]] long on_the_stack(long a, long b, long c, long d, long e, long f, long g, long h, long i) {
    tests::keep(a);
    return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + 8 * h + 9 * i;
}

struct large {
    std::array<long, 12> values;
};
[[gnu::noinline]] large reversed(large from, double scale, long double shift) {
    large to{};
    for (std::size_t i = 0; i < to.values.size(); ++i)
        to.values[i] = static_cast<long>(static_cast<long double>(from.values[11 - i]) * scale + shift);
    tests::keep(to);
    return to;
}

[[gnu::noinline]] long double in_x87(double x, long double y) {
    tests::keep(x);
    return x + y;
}

typedef double wide __attribute__((vector_size(32)));
[[gnu::noinline, gnu::target("avx")]] double sum_of(wide const& v, double a, double b, double c, double d) {
    tests::keep(a);
    return v[0] + v[1] + v[2] + v[3] + a + b + c + d;
}

#if !defined(__clang__) // Clang cannot split variadic functions.
[[gnu::noinline]] long sum_of_many(int n, ...) {
    std::va_list list;
    va_start(list, n);
    long sum = 0;
    while (n-- != 0)
        sum += va_arg(list, long);
    va_end(list);
    tests::keep(sum);
    return sum;
}
#endif

TEST_CASE("a fiber with a small stack recurses through 64 MiB", "[segmented]") {
    constexpr std::size_t depth = std::size_t{64} << 20;
    CHECK(fiber::run([] { return tests::descend(depth); }) == depth / 64);
}

TEST_CASE("one recursion follows another", "[segmented]") {
    fiber::run([] {
        for (std::size_t depth = 64; depth < (std::size_t{4} << 20); depth = depth * 3 / 2)
            CHECK(tests::descend(depth) == (depth + 63) / 64);
    });
}

TEST_CASE("arguments and results of each kind pass the end of a segment", "[segmented]") {
    bool right = true;
    tests::at_each_depth([&] {
        right = right && on_the_stack(1, 2, 3, 4, 5, 6, 7, 8, 9) == 285;
        large numbers{};
        for (std::size_t i = 0; i < numbers.values.size(); ++i)
            numbers.values[i] = static_cast<long>(i);
        right = right && reversed(numbers, 2.0, 1.0L).values[0] == 23;
        right = right && in_x87(0.5, 0.25L) == 0.75L;
        if (__builtin_cpu_supports("avx"))
            right = right && sum_of(wide{1, 2, 3, 4}, 5, 6, 7, 8) == 36;
#if !defined(__clang__)
        right = right && sum_of_many(9, 1L, 2L, 3L, 4L, 5L, 6L, 7L, 8L, 9L) == 45;
#endif
    });
    CHECK(right);
}

TEST_CASE("a fiber parks at each depth and continues there", "[segmented]") {
    fiber::chan<int> there, back;
    fiber::handle const echo = fiber::go([=] {
        for (int n : there)
            back.send(n + 1);
    });
    int rounds = 0;
    tests::at_each_depth([&] {
        there.send(rounds);
        rounds = back.recv().value();
    });
    there.close();
    CHECK(rounds == tests::depths);
}

TEST_CASE("a frame larger than any segment gets a separate segment", "[segmented]") {
    CHECK(fiber::run([] {
              std::array<char, 3 << 20> buffer;
              for (std::size_t i = 0; i < buffer.size(); i += 4096)
                  buffer[i] = 1;
              tests::keep(buffer);
              return buffer[4096] + buffer[8192];
          }) == 2);
}

TEST_CASE("with_stack runs a function on a segment of at least the requested size", "[segmented]") {
    fiber::run([] {
        for (std::size_t const bytes : {1U << 10, 1U << 16, 1U << 20, 1U << 26})
            CHECK(fiber::with_stack(bytes, [] { return fiber::this_fiber::stack_remaining(); }) >=
                  bytes - 1024);
        CHECK_THROWS_AS(fiber::with_stack(std::size_t{1} << 40, [] {}), std::invalid_argument);
        CHECK_THROWS_AS(fiber::with_stack(1 << 20, []() -> int { throw std::string("thrown there"); }),
                        std::string);
    });
}

} // namespace
