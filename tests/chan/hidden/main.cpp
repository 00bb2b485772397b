// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// main.cpp: finds values of contexts on both sides of a shared library with hidden visibility.

// stdout: the library sees 7
// stdout: the program sees 8, and no long
// stdout: types without a name for others are (not mixed up: 1 0|equal to clang\+\+)

#include "tests/chan/hidden/plug.hpp"

#include <cstdio>

namespace {
struct local {
    int value;
};
} // namespace

int main() {
    auto const root = fiber::context::background();
    std::printf("the library sees %d\n", id_seen_by_plug(fiber::context::with_value(root, user{7})));
    auto const theirs = with_plugs_user(root, 8);
    std::printf("the program sees %d, and %s long\n", theirs.value<user>()->id,
                theirs.value<long>() == nullptr ? "no" : "a");
    auto const mine = fiber::context::with_value(root, local{1});
#if defined(__clang__) && defined(__cpp_rtti)
    // Its type_info of a type in an unnamed namespace compares equal by name.
    std::printf("types without a name for others are %s\n",
                plug_finds_its_local(mine) ? "equal to clang++" : "told apart by clang++");
#else
    std::printf("types without a name for others are not mixed up: %d %d\n", mine.value<local>()->value,
                plug_finds_its_local(mine) ? 1 : 0);
#endif
}
