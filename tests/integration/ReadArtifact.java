import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.neo4j.dbms.archive.backup.BackupFormatSelector;

/** Prints what Neo4j's own reader finds in each artifact: its description, and the entries of its archive. */
public class ReadArtifact {
    public static void main(String[] paths) throws Exception {
        for (String path : paths) {
            try (var stream = Files.newInputStream(Path.of(path))) {
                System.out.println(BackupFormatSelector.readDescription(stream));
            }
            try (var archive = new TarArchiveInputStream(
                    BackupFormatSelector.decompress(() -> Files.newInputStream(Path.of(path))))) {
                for (var entry = archive.getNextEntry(); entry != null; entry = archive.getNextEntry()) {
                    long size = archive.transferTo(java.io.OutputStream.nullOutputStream());
                    System.out.println("entry " + entry.getName() + " " + size);
                }
            }
        }
    }
}
