#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace clade {

/// Checks that Options::validate() is made of. Each throws ConfigError: "KEY is VALUE; it must …".
void require_one_of(const std::string& key, const std::string& value,
                    const std::vector<std::string>& allowed);
void require_at_least(const std::string& key, double value, double least);
void require_each_at_least(const std::string& key, const std::vector<int64_t>& values,
                           double least);
void require_at_most(const std::string& key, double value, double most);
void require_above(const std::string& key, double value, double bound);

}  // namespace clade
