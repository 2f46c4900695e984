<?php
/**
 * Contextual sponsored units for posts. Add to functions.php of a (child) theme, or save as a separate file
 * in wp-content/mu-plugins. Configure in wp-config.php:
 *
 *   define('ADJACENT_BASE', 'https://units.example');
 *   define('ADJACENT_PUBLISHER', 'eu-tech-news');
 *
 * In a post or a template: [adjacent placement="article-end"]; content between [adjacent …] and [/adjacent] is
 * the fallback. Pages can be cached: each reader's browser requests its own unit.
 */

/** All values of a custom field as text; null if one cannot be read. */
function adjacent_field($post_id, $name)
{
    $text = [];
    // `false` outside a post.
    foreach (get_post_meta($post_id, $name, false) ?: [] as $value) {
        foreach ((array) $value as $key => $one) {
            if (!is_int($key) || !is_scalar($one)) {
                return null;
            }
            $text[] = trim((string) $one);
        }
    }
    return implode(',', array_filter($text, 'strlen'));
}

/** Whether a post allows units: `allow`, `house_only`, or `none` for all other values. */
function adjacent_commercial($post_id, ...$fields)
{
    $given = adjacent_field($post_id, 'adjacent_commercial');
    if (in_array(null, $fields, true)) {
        return 'none';
    }
    return $given === '' || $given === 'allow' || $given === 'house_only' ? $given : 'none';
}

/** Topics of a post: the custom field `adjacent_topics`, else its categories and tags. */
function adjacent_topics($post_id)
{
    $topics = adjacent_field($post_id, 'adjacent_topics');
    if ($topics !== '') {
        return $topics;
    }
    $terms = wp_get_post_terms($post_id, ['category', 'post_tag'], ['fields' => 'slugs']);
    return is_wp_error($terms) ? '' : implode(',', array_diff($terms, ['uncategorized']));
}

/** Strips typographic quotes that an editor or word processor put around an attribute. */
function adjacent_unquote($given)
{
    return preg_replace('/^[“”„″«»‘’]+|[“”„″«»‘’]+$/u', '', html_entity_decode($given, ENT_QUOTES, 'UTF-8'));
}

/** The embed script, once per page. */
function adjacent_script()
{
    printf(
        '<script async src="%s/embed/v1/adjacent.js" data-publisher="%s" data-language="%s"></script>' . "\n",
        esc_url(ADJACENT_BASE),
        esc_attr(ADJACENT_PUBLISHER),
        esc_attr(get_bloginfo('language'))
    );
}

/**
 * [adjacent placement="article-end" styles="terminal,card"]Read our letter.[/adjacent]
 *
 * Carries the context of its own post, since lists show several; the custom field `adjacent_commercial` = `none`
 * disables units on a post and on any list that contains it, as does a value that cannot be read.
 */
function adjacent_shortcode($given, $fallback = '')
{
    if (!has_action('wp_footer', 'adjacent_script')) {
        add_action('wp_footer', 'adjacent_script');
    }
    $post_id = is_singular() ? get_queried_object_id() : get_the_ID();
    $given = shortcode_atts(['placement' => 'article-end', 'key' => '', 'styles' => ''], $given, 'adjacent');
    $topics = adjacent_topics($post_id);
    $subject = adjacent_field($post_id, 'adjacent_subject');
    $attributes = array_map('adjacent_unquote', $given) + [
        'topics' => $topics,
        'subject' => $subject,
        'commercial' => adjacent_commercial($post_id, $topics, $subject),
    ];
    $unit = '<adjacent-unit';
    foreach (array_filter($attributes) as $name => $value) {
        $unit .= sprintf(' %s="%s"', $name, esc_attr($value));
    }
    $fallback = (string) $fallback;
    // WordPress passes everything up to the next [/adjacent] to a shortcode without an end tag.
    if (has_shortcode($fallback, 'adjacent')) {
        return $unit . '></adjacent-unit>' . do_shortcode($fallback . '[/adjacent]');
    }
    // Unbalanced paragraphs would put the rest of the post into the unit.
    $balanced = preg_replace('#^\s*(</p>|<br />)|(<p>|<br />)\s*$#', '', do_shortcode($fallback));
    return $unit . '>' . force_balance_tags($balanced) . '</adjacent-unit>';
}

add_shortcode('adjacent', 'adjacent_shortcode');
