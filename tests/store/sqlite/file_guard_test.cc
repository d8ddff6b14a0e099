#include "store/sqlite/file_guard.h"

#include <filesystem>
#include <fstream>

#include "tests/store/sagas.h"

namespace saga::store::sqlite {
namespace {

using store::testing::FailsWith;
using store::testing::TempFolder;

TEST(NetworkFileSystem, IsKnownByItsNumber) {
  EXPECT_EQ(network_file_system(0x6969, "nfs4"), "NFS");
  EXPECT_EQ(network_file_system(0xFE534D42, "cifs"), "SMB");
  EXPECT_EQ(network_file_system(static_cast<std::int32_t>(0xFF534D42), ""), "CIFS") << "where the number is signed";
  EXPECT_EQ(network_file_system(0x01021997, "9p"), "9p");
}

TEST(NetworkFileSystem, OfFuseOnlyTheRemoteOnesAreRefused) {
  EXPECT_EQ(network_file_system(0x65735546, "fuse.sshfs"), "sshfs");
  EXPECT_EQ(network_file_system(0x65735546, "fuse.fuse-overlayfs"), std::nullopt);
  EXPECT_EQ(network_file_system(0x65735546, "fuseblk"), std::nullopt);
  EXPECT_EQ(network_file_system(0x65735546, ""), std::nullopt);
}

TEST(NetworkFileSystem, ALocalOneIsNone) {
  EXPECT_EQ(network_file_system(0xEF53, "ext4"), std::nullopt);
  EXPECT_EQ(network_file_system(0x58465342, "xfs"), std::nullopt);
  EXPECT_EQ(network_file_system(0x794C7630, "overlay"), std::nullopt);
}

TEST(DatabasePath, BecomesAbsoluteWithoutLinks) {
  const TempFolder folder;
  const std::string real = std::filesystem::canonical(folder.path()).string();
  std::filesystem::create_directory_symlink(folder.path(), folder.path() + "/self");
  EXPECT_EQ(check_database_path(folder.path() + "/self/../" + std::filesystem::path(folder.path()).filename().string() +
                                "/new.db"),
            real + "/new.db");
  std::ofstream(folder.path("there.db")).close();
  EXPECT_EQ(check_database_path(folder.path("self/there.db")), real + "/there.db");
}

TEST(OwnerLock, HoldsUntilLetGo) {
  const TempFolder folder;
  {
    const Result<OwnerLock> first = OwnerLock::acquire(folder.path("x.db"));
    ASSERT_TRUE(first);
    EXPECT_THAT(OwnerLock::acquire(folder.path("x.db")), FailsWith(ErrorCode::kUnavailable, "in use"));
    EXPECT_TRUE(OwnerLock::acquire(folder.path("y.db")));
  }
  EXPECT_TRUE(OwnerLock::acquire(folder.path("x.db")));
}

}  // namespace
}  // namespace saga::store::sqlite
