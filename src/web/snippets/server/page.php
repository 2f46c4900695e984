<?php
// Renders a page with a unit in plain PHP: ADJACENT_URL=… ADJACENT_KEY=… php page.php

$base = getenv('ADJACENT_URL');
$key = getenv('ADJACENT_KEY');

/** The unit of a page as HTML, or an empty string; errors are ignored. */
function adjacent_unit(string $base, string $key, array $page, ?string $country, array $reader = []): string
{
    $headers = ["Authorization: Bearer $key", 'Content-Type: application/json'];
    // The reader as seen by your server, for fraud detection. Both are optional.
    foreach (['address' => 'Adjacent-Reader-Address', 'agent' => 'Adjacent-Reader-Agent'] as $what => $name) {
        if (!empty($reader[$what])) {
            $headers[] = $name . ': ' . preg_replace('/[\r\n]+/', ' ', $reader[$what]);
        }
    }
    $call = stream_context_create(['http' => [
        'method' => 'POST',
        'header' => $headers,
        'timeout' => 0.8,
        'content' => json_encode([
            'publisher' => 'eu-tech-news',
            'page' => $page,
            'viewer' => ['region' => $country],
            'placements' => [['name' => 'article-end', 'styles' => ['terminal', 'card']]],
            'render' => 'html',
        ]),
    ]]);
    $reply = json_decode((string) @file_get_contents("$base/v1/decisions", false, $call), true);
    return $reply['decisions']['article-end']['html'] ?? '';
}

$end = adjacent_unit($base, $key, [
    'url' => 'https://news.example/ai-infrastructure/x',
    'language' => 'en',
    'topics' => ['ai-infrastructure'],
], 'DE', ['address' => $_SERVER['REMOTE_ADDR'] ?? '', 'agent' => $_SERVER['HTTP_USER_AGENT'] ?? '']);

// Not cacheable: a unit belongs to one page view.
header('Cache-Control: no-store');
?>
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>A story</title>
<link rel="stylesheet" href="<?= htmlspecialchars($base) ?>/embed/v1/unit.css">
</head>
<body>
<article><h1>A story</h1><p>Words.</p></article>
<?= $end ?>

</body>
</html>
