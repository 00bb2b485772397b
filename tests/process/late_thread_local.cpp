// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// late_thread_local: a thread leaves no memory behind if its thread_local destructors use the
// library.

// env: GLIBC_TUNABLES=glibc.pthread.stack_cache_size=0
// stdout: nothing is lost

#include <fiber/fiber.hpp>

#include <cstdio>
#include <malloc.h>
#include <string>
#include <thread>

namespace {

fiber::local<std::string> name;

struct late {
    bool used = false;
    ~late() {
        if (used)
            *name = std::string(100, 'x');
    }
};
thread_local late at_the_end;

std::size_t in_use_after(int threads) {
    for (int i = 0; i < threads; ++i)
        std::thread([] {
            // Made before the library's variables of this thread, and destroyed after them.
            at_the_end.used = true;
            static_cast<void>(fiber::this_fiber::get_id());
        }).join();
    return mallinfo2().uordblks;
}

} // namespace

int main() {
    auto const before = in_use_after(100);
    auto const after = in_use_after(2000);
    if (after <= before + 100 * 100)
        std::puts("nothing is lost");
    else
        std::printf("%zu bytes are lost with 2000 threads\n", after - before);
}
