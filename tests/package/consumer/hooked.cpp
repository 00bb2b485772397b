// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// A user's program in a separate project. Its fibers read by the plain call. It says whether they park.
#include <fiber/fiber.hpp>

#include <cstdio>
#include <unistd.h>

int main() {
    int there[2], back[2];
    if (::pipe(there) != 0 || ::pipe(back) != 0)
        return 1;
    constexpr int often = 100;
    int rounds = 0;
    fiber::wait_group both;
    both.go([&] {
        char c = 0;
        while (::read(there[0], &c, 1) == 1 && ::write(back[1], &c, 1) == 1)
            ++rounds;
    });
    both.go([&] {
        char c = 'x';
        for (int i = 0; i < often && ::write(there[1], &c, 1) == 1; ++i)
            if (::read(back[0], &c, 1) != 1)
                break;
        ::close(there[1]);
    });
    both.wait();
    bool const has_parked = fiber::runtime::global().stats().hooked_parked > 0;
    std::puts(rounds != often                         ? "bytes are missing"
              : has_parked && fiber::hook::active()   ? "its reads park"
              : !has_parked && !fiber::hook::active() ? "its reads block"
                                                      : "active() is wrong");
}
