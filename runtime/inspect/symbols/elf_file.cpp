// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/inspect/symbols/elf_file.hpp"

#include <algorithm>
#include <cstring>
#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace fiber::rt {

struct elf_file::header : Elf64_Ehdr {};
struct elf_file::section_header : Elf64_Shdr {};

// Every offset and size in the file is checked against its size: a file may be damaged, or be replaced
// while the program runs.
template <class T>
std::span<T const> elf_file::array_at(std::uint64_t offset, std::uint64_t count) const noexcept {
    if (offset > size_ || offset % alignof(T) != 0 || count > (size_ - offset) / sizeof(T))
        return {};
    return {reinterpret_cast<T const*>(data_ + offset), static_cast<std::size_t>(count)};
}

elf_file::elf_file(char const* path) noexcept {
    int const fd = ::open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    struct stat about {};
    if (::fstat(fd, &about) == 0 && about.st_size > 0) {
        size_ = static_cast<std::size_t>(about.st_size);
        void* const at = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, fd, 0);
        data_ = at != MAP_FAILED ? static_cast<std::byte const*>(at) : nullptr;
    }
    ::close(fd);
    if (data_ == nullptr)
        size_ = 0;
}

elf_file::~elf_file() {
    if (data_ != nullptr)
        ::munmap(const_cast<std::byte*>(data_), size_);
}

std::span<elf_file::section_header const> elf_file::sections() const noexcept {
    auto const head = array_at<header>(0, 1);
    if (head.empty() || std::memcmp(head[0].e_ident, ELFMAG, SELFMAG) != 0 ||
        head[0].e_ident[EI_CLASS] != ELFCLASS64 || head[0].e_shentsize != sizeof(section_header))
        return {};
    return array_at<section_header>(head[0].e_shoff, head[0].e_shnum);
}

std::span<std::byte const> elf_file::contents(section_header const& s) const noexcept {
    if (s.sh_type == SHT_NOBITS || (s.sh_flags & SHF_COMPRESSED) != 0)
        return {};
    return array_at<std::byte>(s.sh_offset, s.sh_size);
}

std::string_view elf_file::name_of(section_header const& s) const noexcept {
    auto const all = sections();
    auto const head = array_at<header>(0, 1);
    if (head[0].e_shstrndx >= all.size())
        return {};
    auto const names = contents(all[head[0].e_shstrndx]);
    if (s.sh_name >= names.size())
        return {};
    auto const* const text = reinterpret_cast<char const*>(names.data()) + s.sh_name;
    return {text, ::strnlen(text, names.size() - s.sh_name)};
}

std::span<std::byte const> elf_file::section(std::string_view name) const noexcept {
    for (section_header const& s : sections())
        if (name_of(s) == name)
            return contents(s);
    return {};
}

std::vector<elf_file::function> elf_file::functions() const {
    std::vector<function> found;
    auto const all = sections();
    auto const of_type = [all](std::uint32_t type) {
        return std::find_if(all.begin(), all.end(),
                            [type](section_header const& s) { return s.sh_type == type; });
    };
    auto table = of_type(SHT_SYMTAB);
    if (table == all.end()) // stripped: what is exported is left
        table = of_type(SHT_DYNSYM);
    if (table == all.end() || table->sh_link >= all.size())
        return found;
    auto const names = contents(all[table->sh_link]);
    if (names.empty() || names.back() != std::byte{0})
        return found;
    for (auto const& s : array_at<Elf64_Sym>(table->sh_offset, table->sh_size / sizeof(Elf64_Sym)))
        if (ELF64_ST_TYPE(s.st_info) == STT_FUNC && s.st_shndx != SHN_UNDEF && s.st_name < names.size())
            found.push_back({s.st_value, s.st_value + s.st_size,
                             reinterpret_cast<char const*>(names.data()) + s.st_name});
    std::sort(found.begin(), found.end(),
              [](function const& a, function const& b) { return a.begin < b.begin; });
    return found;
}

} // namespace fiber::rt
