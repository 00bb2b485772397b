// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "perf/workloads/word_count.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>

#include <fcntl.h>
#include <unistd.h>

namespace perf {
namespace {

bool in_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// Counts in a stream of blocks. Between blocks `text_` keeps what a match across the border needs. It begins
// one byte before the first place that is undecided.
class counter {
public:
    explicit counter(std::string_view word)
        : word_(word), capacity_(word.size() + 1 + block),
          text_(std::make_unique_for_overwrite<char[]>(capacity_)) {}

    char* space() { return text_.get() + size_; }
    std::size_t room() const { return capacity_ - size_; }

    void add(std::size_t bytes) { size_ += bytes, scan(more::yes); }
    std::int64_t finish() { return scan(more::no), count_; }

private:
    enum class more { no, yes };
    static constexpr std::size_t block = 64 * 1024;

    void scan(more blocks) {
        for (;;) {
            std::string_view const text(text_.get(), size_);
            auto const at = text.find(word_, next_);
            if (at == text.npos) {
                if (size_ >= word_.size())
                    next_ = std::max(next_, size_ - word_.size() + 1);
                break;
            }
            next_ = at;
            auto const end = at + word_.size();
            if (end == size_ && blocks == more::yes)
                break; // what follows is in the next block
            bool const alone = (at == 0 || !in_word(text[at - 1])) && (end == size_ || !in_word(text[end]));
            count_ += alone;
            next_ = alone ? end : at + 1;
        }
        auto const keep = next_ == 0 ? 0 : next_ - 1;
        std::memmove(text_.get(), text_.get() + keep, size_ - keep);
        size_ -= keep;
        next_ -= keep;
    }

    std::string_view const word_;
    std::size_t const capacity_;
    std::unique_ptr<char[]> const text_;
    std::size_t size_ = 0, next_ = 0; // bytes in text_; where the next match may begin
    std::int64_t count_ = 0;
};

} // namespace

std::vector<std::filesystem::path> files_below(std::filesystem::path const& dir) {
    std::vector<std::filesystem::path> files;
    constexpr auto options = std::filesystem::directory_options::skip_permission_denied;
    for (auto const& entry : std::filesystem::recursive_directory_iterator(dir, options))
        if (entry.is_regular_file() && !entry.is_symlink())
            files.push_back(entry.path());
    return files;
}

std::int64_t count_word(std::filesystem::path const& file, std::string_view word) {
    int const fd = open(file.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    counter text(word);
    for (ssize_t n; (n = read(fd, text.space(), text.room())) > 0;)
        text.add(static_cast<std::size_t>(n));
    close(fd);
    return text.finish();
}

} // namespace perf
