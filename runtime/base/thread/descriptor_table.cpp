// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/base/thread/descriptor_table.hpp"

#include "runtime/base/thread/os_thread.hpp"

#include <algorithm>
#include <system_error>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#if __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#endif

namespace fiber::rt {
namespace {

constexpr rlim_t growth = 4; // a burst of connections fills the upper half later than a grace period ends

bool is_single_threaded() noexcept {
#if __has_include(<sys/single_threaded.h>)
    return __libc_single_threaded != 0;
#else
    return false; // unknown
#endif
}

// Returns a size that has the number in its lower half. Returns the limit of open files if that is less.
int size_with_room_for(int number) noexcept {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 0;
    constexpr rlim_t most = 1U << 30;
    rlim_t size = descriptor_table::first_size;
    while (size / 2 <= static_cast<rlim_t>(number) && size < most)
        size *= growth;
    return static_cast<int>(std::min({size, limit.rlim_cur, most}));
}

// dup3 makes room for the new number before it looks at the old one. There is no descriptor -1, so the call
// fails, and no descriptor is made that a fork could copy or another thread could close.
void set_table_size(int size) noexcept { static_cast<void>(::syscall(SYS_dup3, -1, size - 1, O_CLOEXEC)); }

} // namespace

void descriptor_table::enlarge_before_threads() noexcept {
    if (size_.load(std::memory_order_relaxed) != 0 || !is_single_threaded()) // relaxed: one thread
        return;
    int const size = size_with_room_for(0);
    set_table_size(size);
    size_.store(size, std::memory_order_relaxed);
}

void descriptor_table::make_room(int number, template_thread& maker) noexcept {
    if (growing_.exchange(true, std::memory_order_acquire)) // acquire: next_size_ of the last owner is read
        return;
    next_size_ = size_with_room_for(number);
    if (next_size_ > size_.load(std::memory_order_relaxed)) // relaxed: its writer had growing_
        try {
            os_thread thread;
            maker.make(thread, enlarge, this);
            thread.detach();
            return;
        } catch (std::system_error const&) { // no thread: the kernel enlarges the table when it is full
        }
    growing_.store(false, std::memory_order_release); // release: size_ and next_size_
}

void* descriptor_table::enlarge(void* self) noexcept {
    name_this_thread("fiber-fdtable");
    auto& me = *static_cast<descriptor_table*>(self);
    set_table_size(me.next_size_);
    me.size_.store(me.next_size_, std::memory_order_relaxed);
    me.growing_.store(false, std::memory_order_release); // release: size_ and next_size_
    return nullptr;
}

void descriptor_table::forget() noexcept { // relaxed: one thread
    size_.store(0, std::memory_order_relaxed);
    growing_.store(false, std::memory_order_relaxed);
}

} // namespace fiber::rt
