// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// memory_exhausted: fibers park until no further fiber can be made. go reports that and loses no
// fiber: the running fibers finish, and after them the same number can be made again.

// limit: -v 3000000
// stdout: refused: (Resource temporarily unavailable|std::bad_alloc)
// stdout: all of them ended
// stdout: refused: (Resource temporarily unavailable|std::bad_alloc)
// stdout: all of them ended
// stdout: as many as before
// The line below allows reports by sysmon, which may ask for another OS thread during the test.
// stderr: ...

#include <fiber/fiber.hpp>

#include <atomic>
#include <cstddef>
#include <cstdio>
#include <new>
#include <system_error>
#include <vector>

namespace {

constexpr std::size_t enough = 1'000'000; // far beyond the limit

std::size_t fill_and_empty(std::vector<fiber::handle>& handles) {
    fiber::chan<bool> gate;
    std::atomic<std::size_t> ended = 0;
    handles.clear();
    try {
        while (handles.size() < enough)
            handles.push_back(fiber::go([&ended, gate] {
                static_cast<void>(gate.recv());
                ++ended;
            }));
        std::puts("not refused");
    } catch (std::system_error const& e) {
        std::printf("refused: %s\n", e.code() == std::errc::resource_unavailable_try_again
                                         ? e.code().message().c_str()
                                         : e.what());
    } catch (std::bad_alloc const&) {
        std::puts("refused: std::bad_alloc");
    }
    std::size_t const started = handles.size();
    gate.close();
    for (auto& handle : handles)
        handle.join();
    std::puts(ended == started && started > 1000 ? "all of them ended" : "some got lost");
    return started;
}

} // namespace

int main() {
    std::vector<fiber::handle> handles;
    handles.reserve(enough);
    std::size_t const first = fill_and_empty(handles);
    std::size_t const second = fill_and_empty(handles);
    std::puts(second >= first / 10 * 9 ? "as many as before" : "fewer than before");
}
