<?php
/**
 * Sponsored units beside a post, because of the post: for functions.php of a (child) theme, or as a file
 * of its own in wp-content/mu-plugins. wp-config.php says where and who:
 *
 *   define('ADJACENT_BASE', 'https://units.example');
 *   define('ADJACENT_PUBLISHER', 'eu-tech-news');
 *
 * In a post or a template: [adjacent placement="article-end"], and between [adjacent …] and [/adjacent] what
 * stands there when there is no unit. A page cache may keep all of it: each reader's browser asks for itself.
 */

/** What a post is about: its categories and tags, unless the custom field `adjacent_topics` says. */
function adjacent_topics($post_id)
{
    $said = get_post_meta($post_id, 'adjacent_topics', true);
    if ($said) {
        return $said;
    }
    $terms = wp_get_post_terms($post_id, ['category', 'post_tag'], ['fields' => 'slugs']);
    return is_wp_error($terms) ? '' : implode(',', array_diff($terms, ['uncategorized']));
}

/** What was meant by what an editor wrote: quotes that a text program made round are none of it. */
function adjacent_meant($given)
{
    return preg_replace('/^[“”„″«»‘’]+|[“”„″«»‘’]+$/u', '', html_entity_decode($given, ENT_QUOTES, 'UTF-8'));
}

/** The one script of a page. */
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
 * It says what its own post says, since a list shows many; the custom field `adjacent_commercial` = `none`
 * keeps a post free, and a list with it.
 */
function adjacent_shortcode($given, $inside = '')
{
    if (!has_action('wp_footer', 'adjacent_script')) {
        add_action('wp_footer', 'adjacent_script');
    }
    $post_id = is_singular() ? get_queried_object_id() : get_the_ID();
    $given = shortcode_atts(['placement' => 'article-end', 'key' => '', 'styles' => ''], $given, 'adjacent');
    $said = array_map('adjacent_meant', $given) + [
        'topics' => adjacent_topics($post_id),
        'subject' => get_post_meta($post_id, 'adjacent_subject', true),
        'commercial' => get_post_meta($post_id, 'adjacent_commercial', true),
    ];
    $unit = '<adjacent-unit';
    foreach (array_filter($said) as $name => $value) {
        $unit .= sprintf(' %s="%s"', $name, esc_attr($value));
    }
    $inside = (string) $inside;
    // One without an end is given all up to the end of the next one: the post's own text.
    if (has_shortcode($inside, 'adjacent')) {
        return $unit . '></adjacent-unit>' . do_shortcode($inside . '[/adjacent]');
    }
    // Paragraphs that begin or end half outside would put the rest of the post into the unit.
    $whole = preg_replace('#^\s*(</p>|<br />)|(<p>|<br />)\s*$#', '', do_shortcode($inside));
    return $unit . '>' . force_balance_tags($whole) . '</adjacent-unit>';
}

add_shortcode('adjacent', 'adjacent_shortcode');
