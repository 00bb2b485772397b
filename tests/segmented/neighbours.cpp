// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// neighbours WHAT: a fiber on its first segment, which has no guard, does not write to the segments
// below. Each WHAT runs in a separate process: the dynamic linker takes kilobytes of stack for the
// first call of a function.

#include <fiber/fiber.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory_resource>
#include <string_view>
#include <system_error>
#include <vector>

namespace {

constexpr std::size_t slot = 2048, below = 2 * slot; // the number of bytes checked below the segment

std::error_code an_error() { return std::make_error_code(std::errc::timed_out); }

void throws_errc() { throw std::system_error(an_error(), "a text"); }
void throws_errno() { throw std::system_error(ETIMEDOUT, std::generic_category(), "a text"); }
void throws_of_the_library() { fiber::handle().join(); }
[[gnu::noinline]] void asks_for_message() {
    if (an_error().message().empty())
        std::abort();
}
[[gnu::noinline]] void asks_category(std::error_category const& c) { // calls no other function
    if (c.message(ETIMEDOUT).empty())
        std::abort();
}
void passes_category() { asks_category(std::system_category()); }
// Goes down to the end of the segment, and beyond.
[[gnu::noinline]] void goes_down(int frames, std::error_category const& c) {
    if (frames == 0)
        asks_category(c);
    else
        goes_down(frames - 1, c);
    asm volatile(""); // prevents a tail call
}
void passes_category_down() {
    for (int frames = 0; frames < 200; ++frames)
        goes_down(frames, std::generic_category());
}
[[gnu::noinline]] void takes_memory(std::pmr::memory_resource& from) {
    from.deallocate(from.allocate(100), 100);
}
void passes_memory() { takes_memory(*std::pmr::get_default_resource()); }

struct deed {
    std::string_view name;
    void (*run)();
};
constexpr deed deeds[] = {
    {"errc", throws_errc},         {"errno", throws_errno},       {"library", throws_of_the_library},
    {"message", asks_for_message}, {"category", passes_category}, {"depths", passes_category_down},
    {"memory", passes_memory}};

struct task {
    fiber::chan<int> wake{1};
    std::uintptr_t slot_begins = 0;
    bool acts = false;
};

int run(deed const& what) {
    std::array<task, 64> tasks;
    std::vector<fiber::handle> all;
    for (task& p : tasks)
        all.push_back(fiber::go([&p, &what] {
            char here = 0;
            p.slot_begins = reinterpret_cast<std::uintptr_t>(&here) & ~(slot - 1);
            static_cast<void>(p.wake.recv());
            if (!p.acts)
                return;
            try {
                what.run();
            } catch (std::system_error const&) {
            }
        }));
    while (std::any_of(tasks.begin(), tasks.end(), [](task const& p) { return p.slot_begins == 0; }))
        fiber::this_fiber::yield();
    auto const has_neighbours = [&](task const& p) {
        return std::count_if(tasks.begin(), tasks.end(), [&](task const& q) {
                   return q.slot_begins < p.slot_begins && p.slot_begins - q.slot_begins <= below;
               }) == below / slot;
    };
    auto const actor = std::find_if(tasks.begin(), tasks.end(), has_neighbours);
    if (actor == tasks.end()) {
        std::puts("no fiber has neighbours");
        return 1;
    }
    auto const neighbours = reinterpret_cast<char const*>(actor->slot_begins - below);
    std::vector<char> const before(neighbours, neighbours + below);
    actor->acts = true;
    actor->wake.send(1);
    all[static_cast<std::size_t>(actor - tasks.begin())].join();
    bool const changed = std::memcmp(neighbours, before.data(), below) != 0;
    for (task& p : tasks)
        if (&p != &*actor)
            p.wake.send(1);
    for (fiber::handle& h : all)
        if (h.joinable())
            h.join();
    std::puts(changed ? "neighbours have changed" : "all are as they were");
    return changed;
}

} // namespace

int main(int argc, char** argv) {
    fiber::runtime one({.processors = 1});
    for (deed const& d : deeds)
        if (argc == 2 && d.name == argv[1])
            return one.run([&] { return run(d); });
    return 2;
}
