// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// hooked.hpp: how the hook library defines a call of the C library, and reaches the real one.
//
//     FIBER_HOOK(ssize_t, read, (int fd, void* to, std::size_t n)) {
//         return in_call(seam_of.io, &hook_seam::read, real_read, fd, to, n);
//     }
//
// defines read(), and real_read for the function that the name would have without this library.
// FIBER_HOOK_EARLY is for calls that malloc may make. There a search for the real function could wait for
// itself, so another symbol of the C library stands in until the constructor has run.
//
// The library is compiled a second time, for programs without a dynamic linker. There read() is __wrap_read,
// and real_read is __real_read: the linker's option --wrap exchanges the names.
//
// Hooked calls are made in any process and at any time, before constructors too. Therefore these files use no
// other library, and are compiled without sanitizers.
#pragma once

#include "runtime/hook_seam.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace fiber::hook_library {

using rt::hook_record;
using rt::hook_seam;

// The library, for each group of calls. Null: the calls are plain, because the process has no libfiber, or
// its constructors have not run, or FIBER_HOOK does not name the group.
struct seams {
    hook_seam const *any, *io, *sleep, *dns, *tls;
};
extern seams seam_of [[gnu::visibility("hidden")]];

// ── the real functions ──

// An entry of the section fiber_hooks, for each hooked call.
struct real_entry {
    char const* name;
    void* pointer; // to the pointer to the real function
};

// Returns the function that the name would have without this library. Aborts if there is none.
[[nodiscard, gnu::visibility("hidden")]] void* find_real(char const* name) noexcept;

template <class Signature>
class real_function;
template <class Result, class... Parameters>
class real_function<Result(Parameters...)> {
public:
    using pointer = Result (*)(Parameters...);
    constexpr explicit real_function(char const* name, pointer at_first = nullptr) noexcept
        : to_(at_first), name_(name) {}

    [[nodiscard]] pointer get() noexcept {
        pointer to = to_.load(std::memory_order_relaxed); // all threads find the same function
        if (to == nullptr) [[unlikely]] {
            to = reinterpret_cast<pointer>(find_real(name_));
            to_.store(to, std::memory_order_relaxed);
        }
        return to;
    }
    Result operator()(Parameters... arguments) { return get()(arguments...); }

private:
    std::atomic<pointer> to_; // first: the section's entry points to it
    char const* name_;
};

// ── may the caller park? ──

[[nodiscard, gnu::visibility("hidden")]] hook_record* ask_again(hook_seam const&, hook_record&,
                                                                bool is_on_own_stack) noexcept;
// Returns the caller's record; null if the call has to be plain. Counts refusals.
[[nodiscard]] inline hook_record* parking_caller(hook_seam const* seam) noexcept {
    if (seam == nullptr)
        return nullptr;
    auto const [record, is_on_own_stack] = seam->caller();
    if (record == nullptr || (is_on_own_stack && record->is_free())) [[likely]]
        return record;
    return ask_again(*seam, *record, is_on_own_stack);
}

// Returns the caller's record if it stands on the fiber's own stack, and null elsewhere. For calls that take
// notes, which a handler on another stack must not do.
[[nodiscard]] inline hook_record* record_on_own_stack(hook_seam const* seam) noexcept {
    if (seam == nullptr)
        return nullptr;
    auto const [record, is_on_own_stack] = seam->caller();
    return is_on_own_stack ? record : nullptr;
}

// Returns true while dlopen or dlclose is under way. Forgets a call of dlopen that has returned. To be called
// on the fiber's own stack.
[[nodiscard, gnu::visibility("hidden")]] bool is_in_loader(hook_record&) noexcept;

// Marks the record of a call that may park, so that the wait is counted.
class marked {
public:
    explicit marked(hook_record& r) noexcept : record_(r) { r.in_hooked_call = true; }
    ~marked() { record_.in_hooked_call = false; } // the record is the fiber's: it has not moved
    marked(marked const&) = delete;
    marked& operator=(marked const&) = delete;

private:
    hook_record& record_;
};

// Makes a call that has a form that parks.
template <class Parking, class Real, class... Arguments>
auto in_call(hook_seam const* seam, Parking hook_seam::*parking, Real& real, Arguments... arguments) {
    if (hook_record* const record = parking_caller(seam)) {
        marked const in(*record);
        return (seam->*parking)(arguments...);
    }
    return real(arguments...);
}

// Return errno; set errno and return -1. Not inlined: a fiber may change its OS thread, and compilers keep
// the address of errno.
[[nodiscard, gnu::visibility("hidden")]] int current_error() noexcept;
[[gnu::visibility("hidden")]] int fail_with(int error) noexcept;

// Calls f() as in fiber::blocking. f leaves an error in errno.
template <class F>
void call_blocking(hook_seam const& seam, F&& f) noexcept {
    int error = 0;
    auto call = [&]() noexcept {
        f();
        error = current_error();
    };
    seam.blocking([](void* it) noexcept { (*static_cast<decltype(call)*>(it))(); }, &call);
    fail_with(error);
}

// Makes a call that has no form that parks, and may block. The OS thread stays.
template <class Real, class... Arguments>
auto in_blocking_call(hook_seam const* seam, Real& real, Arguments... arguments) {
    if (parking_caller(seam) == nullptr)
        return real(arguments...);
    decltype(real(arguments...)) result{};
    call_blocking(*seam, [&] { result = real(arguments...); });
    return result;
}

} // namespace fiber::hook_library

// Stands in each file: hooked.cpp.
#define FIBER_HOOK_PART(file)                                                                                \
    extern "C" [[gnu::visibility("hidden")]] char const fiber_hook_part_##file;                              \
    char const fiber_hook_part_##file = 0;

// Exported, although the library is compiled with hidden visibility.
#define FIBER_HOOK_EXPORT extern "C" __attribute__((visibility("default")))

#ifdef FIBER_HOOK_WRAP
#define FIBER_HOOK(result, name, parameters)                                                                 \
    extern "C" result fiber_real_##name parameters __asm__("__real_" #name);                                 \
    namespace fiber::hook_library {                                                                          \
    namespace {                                                                                              \
    constinit auto* real_##name = fiber_real_##name;                                                         \
    }                                                                                                        \
    }                                                                                                        \
    FIBER_HOOK_EXPORT result fiber_hook_##name parameters __asm__("__wrap_" #name);                          \
    result fiber_hook_##name parameters
#define FIBER_HOOK_EARLY(result, name, parameters, at_first) FIBER_HOOK(result, name, parameters)
#else
#define FIBER_HOOK_FIRST(result, name, parameters, ...)                                                      \
    namespace fiber::hook_library {                                                                          \
    namespace {                                                                                              \
    constinit real_function<result parameters> real_##name{#name __VA_OPT__(, ) __VA_ARGS__};                \
    [[gnu::section("fiber_hooks"), gnu::used]] constinit real_entry entry_of_##name{#name, &real_##name};    \
    }                                                                                                        \
    }                                                                                                        \
    FIBER_HOOK_EXPORT result fiber_hook_##name parameters __asm__(#name);                                    \
    result fiber_hook_##name parameters
#define FIBER_HOOK(result, name, parameters) FIBER_HOOK_FIRST(result, name, parameters)
// glibc has these names for old programs, in its first version for the architecture.
#ifdef __aarch64__
#define FIBER_HOOK_FIRST_VERSION "GLIBC_2.17"
#else
#define FIBER_HOOK_FIRST_VERSION "GLIBC_2.2.5"
#endif
#define FIBER_HOOK_EARLY(result, name, parameters, at_first)                                                 \
    extern "C" result fiber_first_##name parameters;                                                         \
    __asm__(".symver fiber_first_" #name ", " at_first "@" FIBER_HOOK_FIRST_VERSION);                        \
    FIBER_HOOK_FIRST(result, name, parameters, fiber_first_##name)
#endif
