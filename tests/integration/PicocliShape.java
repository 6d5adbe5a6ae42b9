import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import java.util.concurrent.Callable;
import org.neo4j.cli.Converters;
import org.neo4j.configuration.helpers.DatabaseNamePattern;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.UnmatchedArgumentException;

/**
 * The options of `database backup` of 2026.x, declared as the manual's synopsis has them, under the picocli
 * and the converters of a genuine Neo4j. Each line of standard input is a command line, its words parted by
 * tabs; the answer is its exit status, a tab, and what was said, line ends as a pilcrow.
 */
@Command(name = "backup", exitCodeOnInvalidInput = 64)
public class PicocliShape implements Callable<Integer> {
    enum Type { FULL, DIFF, AUTO }

    @Option(names = {"-h", "--help"}, usageHelp = true, arity = "0", fallbackValue = "true") boolean help;
    @Option(names = "--prefer-diff-as-parent") boolean preferDiff;
    @Option(names = "--compress", arity = "0..1", paramLabel = "true|false", fallbackValue = "true") boolean compress;
    @Option(names = "--keep-failed", arity = "0..1", paramLabel = "true|false", fallbackValue = "true") boolean keep;
    @Option(names = "--type", paramLabel = "<type>") Type type;
    @Option(names = "--to-path", paramLabel = "<path>") String toPath;
    @Option(names = "--temp-path", paramLabel = "<path>") String tempPath;
    @Option(names = "--pagecache", paramLabel = "<size>", converter = Converters.ByteUnitConverter.class) Long cache;
    @Option(names = "--from", paramLabel = "<host:port>", split = ",") List<String> from;
    @Parameters(paramLabel = "<database>", arity = "0..*", converter = Converters.DatabaseNamePatternConverter.class)
    List<DatabaseNamePattern> databases;

    @Override
    public Integer call() {
        return 0;
    }

    @Command(name = "database", subcommands = PicocliShape.class)
    static class Database {}

    @Command(name = "neo4j-admin", subcommands = Database.class)
    static class Root {}

    public static void main(String[] none) throws Exception {
        var lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            var said = new StringWriter();
            var command = new CommandLine(new Root());
            command.setCaseInsensitiveEnumValuesAllowed(true);
            command.setOut(new PrintWriter(new StringWriter()));
            command.setParameterExceptionHandler((problem, words) -> {
                var writer = new PrintWriter(said, true);
                writer.println(problem.getMessage());
                UnmatchedArgumentException.printSuggestions(problem, writer);
                return 64;
            });
            int status = command.execute(line.split("\t", -1));
            System.out.println(status + "\t" + said.toString().strip().replace("\n", "\u00b6"));
        }
    }
}
