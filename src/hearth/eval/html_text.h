// Texts of models and of files inside a page.
#pragma once

#include <string>
#include <string_view>

namespace hearth {

// As text of an element or of an attribute between double quotes.
std::string escaped_html(std::string_view text);

}  // namespace hearth
