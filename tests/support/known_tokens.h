// A tokens file with one token a role, and the tokens: "reader-token" for the reader, and so on.
#pragma once

#include <string>

namespace saga::testing {

/// Each digest is what `printf %s TOKEN | sha256sum` says.
inline const std::string kTokensFile =
    "# who may call\n"
    "grafana  reader   ba5005a40cf5212e4ac0190104cc127edab013294bb71279a975b27a80982d45\n"
    "shop     starter  16c089d30bbaba7179a457378cfd5dba69096306aed361d168fe82f13f6cd6a1\n"
    "ops      operator 0850123315d21ab90f4f7236408a52ef6dbd6a02a6550e5c10dc73f4d993680e  # on call\n"
    "\n"
    "release  admin    10A4C7C9FC5206D6F36DC6944A81BB6F4A3CB0E25014AE3B12E6C3E52712292A\n";

}  // namespace saga::testing
