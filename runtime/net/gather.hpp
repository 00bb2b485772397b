// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// gather.hpp: the rest of several buffers, while they are sent piece by piece.
#pragma once

#include "runtime/net/socket_calls.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <sys/uio.h>

namespace fiber::rt {

class gatherer {
public:
    explicit gatherer(std::span<iovec const> buffers) noexcept : buffers_(buffers) {}

    // Takes the next n bytes away.
    void advance(std::size_t n) noexcept {
        while (!buffers_.empty() && n >= buffers_.front().iov_len - begin_) {
            n -= buffers_.front().iov_len - begin_;
            buffers_ = buffers_.subspan(1);
            begin_ = 0;
        }
        begin_ += n;
    }

    // The first buffers of the rest, for one system call.
    class window {
    public:
        explicit window(gatherer const& rest) noexcept {
            std::size_t begin = rest.begin_;
            for (auto each = rest.buffers_.begin();
                 each != rest.buffers_.end() && count_ < vectors_.size() && size_ < max_transfer; ++each) {
                auto* const base = static_cast<std::byte*>(each->iov_base) + begin;
                std::size_t const length = std::min(each->iov_len - begin, max_transfer - size_);
                vectors_[count_++] = {base, length};
                size_ += length;
                begin = 0;
            }
        }
        [[nodiscard]] iovec* data() noexcept { return vectors_.data(); }
        [[nodiscard]] std::size_t count() const noexcept { return count_; }
        [[nodiscard]] std::size_t size() const noexcept { return size_; } // in bytes

    private:
        // 1 KiB of stack. A message of more pieces takes further system calls.
        std::array<iovec, 64> vectors_;
        std::size_t count_ = 0;
        std::size_t size_ = 0;
    };

private:
    std::span<iovec const> buffers_;
    std::size_t begin_ = 0; // of the first buffer's rest
};

} // namespace fiber::rt
