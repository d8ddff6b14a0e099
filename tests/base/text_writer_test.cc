#include "base/text_writer.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace saga {
namespace {

TEST(TextWriter, IsEmptyBeforeItsFirstPiece) {
  TextWriter text(16);
  EXPECT_EQ(text.size(), 0U);
  EXPECT_EQ(text.take(), "");
}

TEST(TextWriter, KeepsEveryPieceInOrderHoweverLittleRoomItBeganWith) {
  for (std::size_t usual_size = 0; usual_size <= 40; ++usual_size) {
    TextWriter text(usual_size);
    std::string expected;
    for (std::size_t piece = 0; piece < 30; ++piece) {
      text += std::string(piece, 'x');
      text += "";
      text += ',';
      expected += std::string(piece, 'x') + ",";
      EXPECT_EQ(text.size(), expected.size());
    }
    EXPECT_EQ(text.take(), expected);
  }
}

TEST(TextWriter, HasTheRoomThatIsAskedForAndKeepsWhatIsToldOfIt) {
  TextWriter text(4);
  text += "ab";
  char* const room = text.room(1000);
  std::fill_n(room, 1000, 'z');
  EXPECT_EQ(text.size(), 2U);
  text.wrote(3);
  text += "cd";
  EXPECT_EQ(text.take(), "abzzzcd");
}

}  // namespace
}  // namespace saga
